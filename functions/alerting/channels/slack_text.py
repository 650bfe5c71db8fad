"""Untrusted text in Slack's mrkdwn: escaped, and within a limit that counts what the escapes add."""

from __future__ import annotations

import re

from structured_log import printable

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_FENCE = "```"
_ZERO_WIDTH_SPACE = "\u200b"
_TWO_OF_THREE = re.compile("``(?=`)")


def escaped(text: str, max_chars: int) -> str:
    """Return the text with Slack's three control characters escaped, cut so that no entity is cut through.

    max_chars counts the escaped text, as Slack does.
    """
    pieces = [_ESCAPES.get(char, char) for char in text[: max_chars + 1]]
    if sum(map(len, pieces)) <= max_chars:
        return "".join(pieces)
    length, kept = 1, []  # 1 for the ellipsis
    for piece in pieces:
        length += len(piece)
        if length > max_chars:
            break
        kept.append(piece)
    return "".join(kept) + "…"


def code_block(text: str, max_chars: int) -> tuple[str, bool]:
    """Return the text as a block of code that no backtick of the text ends, and whether it is whole.

    One backtick alone is left as it is: BigQuery quotes names with it. Three in a row are no SQL.
    """
    broken = _TWO_OF_THREE.sub("``" + _ZERO_WIDTH_SPACE, printable(text, keep="\n\t"))
    max_inner_chars = max_chars - 2 * len(_FENCE) - 2
    is_whole = len(escaped(broken, len(broken) * len("&amp;"))) <= max_inner_chars
    return f"{_FENCE}\n{escaped(broken, max_inner_chars)}\n{_FENCE}", is_whole
