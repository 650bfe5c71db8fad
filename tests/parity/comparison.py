"""Two sets of rows, compared by key and column by column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Row = Mapping[str, Any]
LISTED = 5
"""Differences that are spelled out."""
_LONGEST_VALUE = 200


class Comparison(NamedTuple):
    """What was compared, and what differs."""

    what: str
    left_rows: int
    right_rows: int
    differences: tuple[str, ...]
    """A sentence for each, in the order of the keys."""

    def report(self) -> str:
        """All that a person wants to know of it."""
        found = len(self.differences)
        lines = [f"{self.what}: {self.left_rows:,} and {self.right_rows:,} rows, {found:,} differences"]
        lines += [f"  {difference}" for difference in self.differences[:LISTED]]
        if found > LISTED:
            lines.append(f"  and {found - LISTED:,} more")
        return "\n".join(lines)


def compare(
    what: str,
    left: Iterable[Row],
    right: Iterable[Row],
    *,
    key: Sequence[str],
    sides: tuple[str, str],
    without: Sequence[str] = (),
) -> Comparison:
    """Compare rows that have the same values in the columns `key`; `sides` are the names of the two.

    A key stands once on each side. The columns `without` must be there, and may have any value.
    """
    rows = (list(left), list(right))
    by_key = tuple(_by_key(each, key) for each in rows)
    differences: list[str] = []
    for each in sorted(by_key[0].keys() | by_key[1].keys(), key=repr):
        name = ", ".join(f"{column}={value}" for column, value in zip(key, each, strict=True))
        found = tuple(side.get(each, []) for side in by_key)
        for side, same_key in zip(sides, found, strict=True):
            if len(same_key) > 1:
                differences.append(f"{name}: {len(same_key)} times in {side}")
        if not all(found):
            differences.append(f"{name}: only in {sides[0] if found[0] else sides[1]}")
            continue
        differences += [f"{name}: {text}" for text in _columns(found[0][0], found[1][0], sides, without)]
    return Comparison(what, len(rows[0]), len(rows[1]), tuple(differences))


def _by_key(rows: Iterable[Row], key: Sequence[str]) -> dict[tuple[Any, ...], list[Row]]:
    by_key: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        by_key.setdefault(tuple(row[column] for column in key), []).append(row)
    return by_key


def _columns(left: Row, right: Row, sides: tuple[str, str], without: Sequence[str]) -> Iterator[str]:
    for column in sorted(left.keys() | right.keys()):
        for side, row in zip(sides, (left, right), strict=True):
            if column not in row:
                yield f"{side} has no column {column}"
        if column in left and column in right and column not in without:
            # By their text too: 1, 1.0 and True are equal, and not the same.
            ours, theirs = left[column], right[column]
            if ours != theirs or repr(ours) != repr(theirs):
                yield f"{column} is {_shortened(ours)} in {sides[0]}, {_shortened(theirs)} in {sides[1]}"


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def as_table(title: str, sides: tuple[str, str], comparisons: Iterable[Comparison]) -> list[str]:
    """Lines: what was compared, the rows of each side, the number of differences."""
    lines = [f"{title:<44}{sides[0]:>12}{sides[1]:>12}{'differences':>14}"]
    lines += [
        f"  {each.what:<42}{each.left_rows:>12,}{each.right_rows:>12,}{len(each.differences):>14,}"
        for each in comparisons
    ]
    return lines
