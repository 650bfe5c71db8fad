"""Exact counts of what was published, for the manifest and the summary."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from generator.messages import Message

PUBLISHED, VALID, MALFORMED, DUPLICATES, LATE = "published", "valid", "malformed", "duplicates", "late"


class Ledger:
    """Counts messages once they are out; safe to use from several threads.

    published = valid + malformed + duplicates; late ones are among the valid. A malformed message
    counts for the event type the shop meant, whatever the message says.
    """

    def __init__(self) -> None:
        """Start at zero."""
        self._lock = threading.Lock()
        self._by_type: Counter[tuple[str, str]] = Counter()
        self._by_fault: Counter[tuple[str, str]] = Counter()
        self._by_earlier_version: Counter[tuple[str, int]] = Counter()
        self.published = 0
        self.failed = 0
        self.first_failure = ""

    def count(self, message: Message) -> None:
        """Count a message that was published."""
        event_type, fault = message.event_type, message.fault
        with self._lock:
            self.published += 1
            self._by_type[event_type, PUBLISHED] += 1
            if fault is not None:
                self._by_type[event_type, MALFORMED] += 1
                self._by_fault[fault.name, fault.reason] += 1
            elif message.is_duplicate:
                self._by_type[event_type, DUPLICATES] += 1
            else:
                self._by_type[event_type, VALID] += 1
                self._by_type[event_type, LATE] += message.is_late
                if message.earlier_version is not None:
                    self._by_earlier_version[event_type, message.earlier_version] += 1

    def count_failure(self, why: str) -> None:
        """Count a message that could not be published."""
        with self._lock:
            self.failed += 1
            self.first_failure = self.first_failure or why

    def total(self, word: str) -> int:
        """Return the count of one word over all event types."""
        return sum(count for (_, counted), count in self._by_type.items() if counted == word)

    def as_dict(self) -> dict[str, Any]:
        """Return every count, keys sorted."""
        words = (PUBLISHED, VALID, MALFORMED, DUPLICATES, LATE)
        reasons: Counter[str] = Counter()
        for (_, reason), count in self._by_fault.items():
            reasons[reason] += count
        event_types = sorted({event_type for event_type, _ in self._by_type})
        return {
            **{word: self.total(word) for word in words},
            "failed": self.failed,
            "by_event_type": {
                event_type: {word: self._by_type[event_type, word] for word in words}
                for event_type in event_types
            },
            "valid_by_earlier_version": {
                f"{event_type} {version}": count
                for (event_type, version), count in sorted(self._by_earlier_version.items())
            },
            "malformed_by_fault": {name: count for (name, _), count in sorted(self._by_fault.items())},
            "malformed_by_reason": dict(sorted(reasons.items())),
        }
