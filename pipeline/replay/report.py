"""What a person sees: progress on stderr, the result on stdout."""

from __future__ import annotations

import time
from typing import TextIO

from pipeline.replay.filters import UNKNOWN
from pipeline.replay.letters import Letter
from pipeline.replay.outcome import Outcome
from pipeline.replay.prepare import Left, Prepared
from pipeline.replay.run import Tally

TERMINAL_SECONDS, PLAIN_SECONDS = 0.2, 5.0
ERRORS_SHOWN = 3
TEXT_SHOWN = 200


class Progress:
    """A line that updates itself on a terminal; elsewhere a plain line every 5 s."""

    def __init__(self, out: TextIO) -> None:
        """Write to `out`."""
        self._out = out
        self._on_terminal = out.isatty()
        self._every = TERMINAL_SECONDS if self._on_terminal else PLAIN_SECONDS
        self._due = time.monotonic() + self._every

    def show(self, line: str) -> None:
        """Write `line` if it is time for one."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._every
            if self._on_terminal:
                print(f"\r\x1b[K{line}", end="", file=self._out, flush=True)
            else:
                print(line, file=self._out, flush=True)

    def clear(self) -> None:
        """Make room for other output."""
        if self._on_terminal:
            print("\r\x1b[K", end="", file=self._out, flush=True)


class Groups:
    """Letters by fingerprint: how many, and one of them."""

    def __init__(self, show_payloads: bool) -> None:
        """Show payloads, which may be personal, or their size alone."""
        self._show_payloads = show_payloads
        self._counts: dict[str, int] = {}
        self._examples: dict[str, str] = {}

    def add(self, outcome: Prepared | Left) -> None:
        """Count a letter; the first of a fingerprint is kept as text, so that no payload is held."""
        letter = outcome.letter
        self._counts[letter.fingerprint] = self._counts.get(letter.fingerprint, 0) + 1
        if letter.fingerprint not in self._examples:
            self._examples[letter.fingerprint] = _example(letter, self._show_payloads)

    def lines(self) -> list[str]:
        """Return the groups, largest first."""
        found: list[str] = []
        for fingerprint, count in sorted(self._counts.items(), key=lambda item: (-item[1], item[0])):
            found += [f"{fingerprint}  {count:,} letters", self._examples[fingerprint]]
        return found


def _example(letter: Letter, show_payload: bool) -> str:
    lines = [f"  {letter.reason}, event type {printable(letter.event_type or UNKNOWN)}, stage {letter.stage}"]
    for error in letter.errors[:ERRORS_SHOWN]:
        lines.append(f"  {printable(error.path) or '(message)'}: {printable(error.message)}")
    if letter.payload is None:
        lines.append(f"  payload: {printable(letter.payload_uri or '')}")
    elif not show_payload:
        lines.append(f"  payload, {len(letter.payload):,} bytes; --show_payloads shows its beginning")
    else:
        # A cut may go through a character; what is left of it is shown escaped.
        lines.append(f"  payload, {len(letter.payload):,} bytes: {printable_bytes(letter.payload)}")
    return "\n".join(lines)


def printable(text: str) -> str:
    """Return the beginning of `text` with everything escaped that could act on a terminal."""
    shown = "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode()
        for each in text[:TEXT_SHOWN]
    )
    return f"{shown}…" if len(text) > TEXT_SHOWN else shown


def printable_bytes(data: bytes) -> str:
    """Return the beginning of `data` as printable text; bytes that are no UTF-8 as `\\xff`."""
    shown = printable(data[:TEXT_SHOWN].decode("utf-8", "backslashreplace")[:TEXT_SHOWN])
    return f"{shown}…" if len(data) > TEXT_SHOWN else shown


def tally_lines(tally: Tally, dry_run: bool, foreign: int) -> list[str]:
    """Return what was done."""
    verb = "would be replayed" if dry_run else "replayed"
    repaired = f" ({tally.repaired:,} of them repaired)" if tally.repaired else ""
    lines = [f"{tally.read:,} dead letters read, {tally.published:,} {verb}{repaired}"]
    if tally.filtered_out:
        lines.append(f"  {tally.filtered_out:,} left: another than the filters mean")
    if tally.replayed_before:
        lines.append(f"  {tally.replayed_before:,} were replayed before")
    if tally.came_back:
        lines.append(f"  {tally.came_back:,} left: refused again while this replay was under way")
    for why, count in sorted(tally.left.items()):
        detail = f", such as {printable(tally.details[why])}" if why in tally.details else ""
        lines.append(f"  {count:,} left: {why}{detail}")
    if foreign:
        lines.append(f"  {foreign:,} messages of the subscription are left: they are no dead letters")
    return lines


def outcome_lines(outcome: Outcome) -> list[str]:
    """Return what became of the replayed messages."""
    lines = [
        f"landed         {outcome.landed:>9,}",
        f"refused again  {outcome.refused.total():>9,}",
        *(f"  {count:>9,}  {reason}" for reason, count in outcome.refused.most_common()),
        f"not yet seen   {outcome.unseen:>9,}",
    ]
    return lines
