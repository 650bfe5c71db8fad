"""What a person sees of letters that may hold anything."""

from __future__ import annotations

import io

import pytest

from pipeline.errors import ContractError
from pipeline.replay import report
from pipeline.replay.letters import Letter
from pipeline.replay.prepare import INCOMPLETE, Left
from pipeline.replay.report import Groups, Progress, printable, printable_bytes

LETTER = Letter(
    "id", "parse", "not_utf8", (), None, "f" * 16, 0, None, 0, {}, b"\x1b[2J\xff\n\xe2\x80\xae", None, None
)


def test_group_shows_one_example_with_nothing_that_acts_on_a_terminal() -> None:
    groups = Groups(show_payloads=True)
    errors = tuple(ContractError(f"/{number}\x07", "rule", "broken\n") for number in range(5))
    for letter in (LETTER._replace(errors=errors), LETTER, LETTER._replace(fingerprint="0" * 16)):
        groups.add(Left(letter, INCOMPLETE, ""))
    assert "\n".join(groups.lines()).splitlines() == [
        "ffffffffffffffff  2 letters",
        "  not_utf8, event type unknown, stage parse",
        "  /0\\x07: broken\\n",
        "  /1\\x07: broken\\n",
        "  /2\\x07: broken\\n",
        "  payload, 9 bytes: \\x1b[2J\\xff\\n\\u202e",
        "0000000000000000  1 letters",
        "  not_utf8, event type unknown, stage parse",
        "  payload, 9 bytes: \\x1b[2J\\xff\\n\\u202e",
    ]


def test_payload_is_not_shown_unless_it_is_asked_for() -> None:
    groups = Groups(show_payloads=False)
    groups.add(Left(LETTER, INCOMPLETE, ""))
    assert groups.lines()[-1].endswith("\n  payload, 9 bytes; --show_payloads shows its beginning")


def test_long_text_is_shortened() -> None:
    assert printable("x" * 201) == "x" * 200 + "…"
    assert printable("x" * 200) == "x" * 200
    assert printable_bytes(b"x" * 201) == "x" * 200 + "…"
    assert printable("\ud800") == "\\ud800"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_on_a_terminal_and_plain_lines_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report, "TERMINAL_SECONDS", 0.0)
    monkeypatch.setattr(report, "PLAIN_SECONDS", 0.0)
    shown = []
    for out in (Terminal(), io.StringIO()):
        progress = Progress(out)
        progress.show("1 read")
        progress.show("2 read")
        progress.clear()
        shown.append(out.getvalue())
    assert shown == ["\r\x1b[K1 read\r\x1b[K2 read\r\x1b[K", "1 read\n2 read\n"]
