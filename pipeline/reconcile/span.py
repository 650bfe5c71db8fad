"""The range that is compared, as whole windows, and how SQL names a window."""

from __future__ import annotations

from typing import Any, NamedTuple

from google.cloud import bigquery

from pipeline.rfc3339 import format_rfc3339

_MICROS = "UNIX_MICROS(publish_time)"
START_US = f"{_MICROS} - MOD(MOD({_MICROS}, @window_us) + @window_us, @window_us)"
"""Start of the window of a publish time, in µs since 1970, before 1970 too.

In µs to its end: where BigQuery cuts to seconds, the emulator rounds, and divides as floats.
"""


class Span(NamedTuple):
    """Whole windows of publish time, in s since 1970."""

    since_s: int
    until_s: int
    window_seconds: int

    def parameters(self) -> list[Any]:
        """The query parameters since, until and window_us."""
        times = (("since", self.since_s), ("until", self.until_s))
        return [
            *(
                bigquery.ScalarQueryParameter(name, "TIMESTAMP", format_rfc3339(time_s * 1_000_000))
                for name, time_s in times
            ),
            bigquery.ScalarQueryParameter("window_us", "INT64", self.window_seconds * 1_000_000),
        ]
