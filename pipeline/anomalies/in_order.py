"""Windows in the order of event time, with those in which nothing came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from pipeline.alerts import Alert
from pipeline.anomalies.life import Window
from pipeline.anomalies.settings import AnomalySettings
from pipeline.anomalies.verdicts import Verdicts


class Judge(Protocol):
    """Judges windows one after the other."""

    def use(self, settings: AnomalySettings) -> None:
        """Judge by other settings from now on: a job that was updated may have others than its state."""

    @property
    def wants_gaps(self) -> bool:
        """Whether a window in which nothing came is to be judged, too."""

    def judge(self, window: Window, observed: Any | None) -> Verdicts:
        """Judge the next window. None: nothing came."""

    def correct(self, window: Window, observed: Any) -> list[Alert]:
        """What a late pane changes of a window that has been judged."""


class InOrder:
    """A judge, and up to where it has judged."""

    __slots__ = ("judge", "next_start_us", "window_us")

    def __init__(self, judge: Judge, window_us: int) -> None:
        self.judge = judge
        self.window_us = window_us
        self.next_start_us: int | None = None

    def advance(self, windows: Mapping[int, Any], until_us: int | None = None) -> Iterator[Verdicts]:
        """Judge `windows`, given by their starts, and the gaps before them and up to `until_us` (an end).

        A window that has been judged is a correction, even if the runner calls its first pane on time.
        """
        for start_us in sorted(windows):
            if self.next_start_us is not None and start_us < self.next_start_us:
                yield Verdicts(self.correct(start_us, windows[start_us]), [])
                continue
            yield from self._gaps(start_us)
            yield self._judge(start_us, windows[start_us])
        if until_us is not None and self.next_start_us is not None:
            yield from self._gaps(until_us - self.window_us + 1)

    @property
    def next_gap_end_us(self) -> int | None:
        """When the next window will have ended in which nothing came, if that matters."""
        if self.next_start_us is None or not self.judge.wants_gaps:
            return None
        return self.next_start_us + self.window_us

    def correct(self, start_us: int, observed: Any) -> list[Alert]:
        """Take in what a late pane says of the window from `start_us`."""
        return self.judge.correct(Window(start_us, start_us + self.window_us), observed)

    def _gaps(self, before_us: int) -> Iterator[Verdicts]:
        while self.next_start_us is not None and self.next_start_us < before_us and self.judge.wants_gaps:
            yield self._judge(self.next_start_us, None)

    def _judge(self, start_us: int, observed: Any | None) -> Verdicts:
        self.next_start_us = start_us + self.window_us
        return self.judge.judge(Window(start_us, start_us + self.window_us), observed)
