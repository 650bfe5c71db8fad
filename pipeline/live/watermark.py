"""The watermark of a subscription, from the publish times of what it delivers."""

from __future__ import annotations

from collections import deque

REMEMBERED_PULLS = 5


class PublishTimeWatermark:
    """A time before which no message is expected any more, in µs.

    Pub/Sub promises no order. So the watermark stays `slack_us` behind the earliest publish time of the
    latest pulls, and follows the clock only while a pull waits for messages. It never goes back: a
    message behind it is late, and the ledger's windows are kept open long enough for that.
    """

    def __init__(self, slack_us: int) -> None:
        self._slack_us = slack_us
        self._watermark_us: int | None = None
        self._recent_us: deque[int] = deque(maxlen=REMEMBERED_PULLS)

    def observe(self, earliest_us: int) -> None:
        """A pull delivered messages, the earliest published at `earliest_us`."""
        self._recent_us.append(earliest_us)
        self._advance(min(self._recent_us) - self._slack_us)

    def observe_idle(self, now_us: int) -> None:
        """The subscription has had nothing to deliver for a while."""
        self._recent_us.clear()
        self._advance(now_us - self._slack_us)

    def _advance(self, candidate_us: int) -> None:
        if self._watermark_us is None or candidate_us > self._watermark_us:
            self._watermark_us = candidate_us

    def current_us(self, held_us: int | None) -> int | None:
        """The watermark, not past `held_us`: the earliest publish time pulled but not yet handed on."""
        if self._watermark_us is None or held_us is None:
            return self._watermark_us
        return min(self._watermark_us, held_us)
