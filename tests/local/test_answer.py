from __future__ import annotations

from datetime import UTC, datetime

from local.answer import Answer, to_text

ANSWER = Answer(
    ("status", "n", "at", "payload", "errors"),
    [
        ("pending", 12, datetime(2026, 1, 1, 10, 0, 0, 5, tzinfo=UTC), b"\xff", [{"path": "/items"}]),
        (None, 3, None, None, []),
    ],
)


def test_table_aligns_numbers_right_and_says_how_many_rows() -> None:
    assert to_text(ANSWER, "table") == "\n".join(
        [
            "status    n  at                           payload  errors",
            "-------  --  ---------------------------  -------  --------------------",
            'pending  12  2026-01-01T10:00:00.000005Z  /w==     [{"path": "/items"}]',
            "NULL      3  NULL                         NULL     []",
            "(2 rows)",
        ]
    )


def test_table_shortens_long_cells_and_keeps_rows_on_one_line() -> None:
    text = to_text(Answer(("a",), [("x" * 70,), ("one\ntwo",)]), "table")
    assert text.splitlines()[2:] == ["x" * 59 + "…", "one two", "(2 rows)"]


def test_table_without_rows_has_its_header() -> None:
    assert to_text(Answer(("a", "bc"), []), "table") == "a  bc\n-  --\n(0 rows)"


def test_json_is_an_array_of_objects() -> None:
    assert to_text(Answer(("at", "name"), [(datetime(2026, 1, 1, tzinfo=UTC), "Zoë")]), "json") == (
        '[\n  {\n    "at": "2026-01-01T00:00:00Z",\n    "name": "Zoë"\n  }\n]'
    )


def test_csv_quotes_and_leaves_null_empty() -> None:
    answer = Answer(("a", "b"), [('say "x", y', None), ("multi\nline", [1, 2])])
    assert to_text(answer, "csv") == 'a,b\n"say ""x"", y",\n"multi\nline","[1, 2]"'
