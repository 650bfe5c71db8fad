"""Text as BigQuery's SQL writes it."""

from __future__ import annotations


def sql_string(text: str) -> str:
    """Return `text` as a string literal: whatever it holds, it stays a text."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in escaped) + "'"
