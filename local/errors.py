"""What can go wrong with the laptop stack; `str()` is for a person at a terminal."""

from __future__ import annotations


class StackError(Exception):
    """The stack cannot start or go on; the message says which part, why and how to mend it."""


class StateInUseError(StackError):
    """Another process works on the same state folder."""


class PartFailedError(StackError):
    """A part of the stack ended or never answered; the message ends with the tail of its log."""


class QueryError(StackError):
    """A question cannot be answered; one sentence."""
