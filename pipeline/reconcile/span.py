"""The range that is compared, as whole windows, and how SQL names a window."""

from __future__ import annotations

from typing import Any, NamedTuple

from google.cloud import bigquery

from pipeline.rfc3339 import format_rfc3339

START = "UNIX_SECONDS(publish_time) - MOD(MOD(UNIX_SECONDS(publish_time), @window) + @window, @window)"
"""Start of the window of a publish time, before 1970 too."""


class Span(NamedTuple):
    """Whole windows of publish time, in s since 1970."""

    since_s: int
    until_s: int
    window_seconds: int

    def parameters(self) -> list[Any]:
        """The query parameters since, until and window."""
        times = (("since", self.since_s), ("until", self.until_s))
        return [
            *(
                bigquery.ScalarQueryParameter(name, "TIMESTAMP", format_rfc3339(time_s * 1_000_000))
                for name, time_s in times
            ),
            bigquery.ScalarQueryParameter("window", "INT64", self.window_seconds),
        ]
