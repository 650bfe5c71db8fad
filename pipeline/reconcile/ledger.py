"""What the reconciliation asks the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from google.cloud import bigquery

from pipeline.bigquery_questions import Questions
from pipeline.errors import UsageError
from pipeline.reconcile.books import Counted, Key
from pipeline.reconcile.span import Span
from pipeline.rfc3339 import MIN_US

DEFAULT_WINDOW_SECONDS = 300
LONGEST_WINDOW_SECONDS = 86_400
_STREAMING = "streaming"
_LEDGER, _LATEST = "data_quality_metrics", "data_quality_metrics_latest"


def window_seconds(questions: Questions, span: Span, wanted: int | None) -> int:
    """How long the windows are that hold whole windows of the ledger; `wanted`, if that is so.

    The first of them may have begun before `span`. Raises UsageError.
    """
    question = f"""
        SELECT DISTINCT TIMESTAMP_DIFF(window_end, window_start, SECOND) AS seconds
        FROM {questions.name(_LEDGER)}
        WHERE window_start >= @since AND window_start < @until AND UNIX_SECONDS(window_end) > @inside"""
    earlier = span._replace(since_s=max(span.since_s - LONGEST_WINDOW_SECONDS, MIN_US // 1_000_000))
    inside = bigquery.ScalarQueryParameter("inside", "INT64", span.since_s)
    sizes = sorted(row["seconds"] for row in questions.ask(question, [*earlier.parameters(), inside]))
    common = math.lcm(*sizes) if sizes else wanted or DEFAULT_WINDOW_SECONDS
    if wanted is None and common > LONGEST_WINDOW_SECONDS:
        raise UsageError(
            f"The ledger has windows of {', '.join(map(str, sizes))} s, which have no common multiple "
            "within a day: shorten the range by --since and --until, or set --quality_window_seconds."
        )
    if wanted is not None and wanted % common:
        raise UsageError(
            f"--quality_window_seconds={wanted} does not hold whole windows of the ledger, which are of "
            f"{', '.join(map(str, sizes))} s: leave it out, or take a multiple."
        )
    return wanted or common


def finished_s(questions: Questions, since_s: int, now_s: int, run_id: str | None) -> int | None:
    """End of the newest window from `since_s` on that the ledger, or one run of it, has finished.

    A backfill of events without publish times may have windows that begin in the future: they say nothing.
    """
    question = f"""
        SELECT UNIX_SECONDS(MAX(window_end)) AS ends FROM {questions.name(_LEDGER)}
        WHERE window_start >= @since AND window_start < @until AND pane_timing <> 'early'
          AND (@run_id IS NULL OR run_id = @run_id)"""
    run = bigquery.ScalarQueryParameter("run_id", "STRING", run_id)
    (row,) = questions.ask(question, [*Span(since_s, now_s, 1).parameters(), run])
    ends_s: int | None = row["ends"]
    return ends_s


def read_ledger(questions: Questions, span: Span, run_id: str | None) -> dict[Key, Counted]:
    """What the ledger counted: as its view adds runs up, or for one run."""
    panes = list(_panes(questions, span))
    if run_id is not None:
        mine = [each for each in panes if each.run_id == run_id]
        return add_up(mine, mine, span.window_seconds)
    return add_up(panes, _latest(questions, span), span.window_seconds)


class Pane(NamedTuple):
    """A row of the ledger."""

    starts_s: int
    ends_s: int
    event_type: str
    run_id: str | None
    """None for a row of the view, which adds runs up."""
    run_mode: str | None
    """Likewise."""
    received: int
    accepted: int
    duplicates: int
    rejected: int


def add_up(panes: Iterable[Pane], latest: Iterable[Pane], window_seconds: int) -> dict[Key, Counted]:
    """The counts of `latest`, in windows of `window_seconds`, with what the runs behind them say alone."""
    counted: dict[tuple[int, int, str], Counted] = {}
    for pane in panes:
        window = pane.starts_s, pane.ends_s, pane.event_type
        found = counted.get(window, Counted())
        sums = pane.accepted + pane.duplicates + pane.rejected
        counted[window] = found._replace(
            runs=found.runs + 1,
            most_accepted=max(found.most_accepted, pane.accepted),
            most_rejected=max(found.most_rejected, pane.rejected),
            ever_accepted=found.ever_accepted + pane.accepted,
            ever_rejected=found.ever_rejected + pane.rejected,
            unbalanced=found.unbalanced + abs(pane.received - sums),
            loads_rejected=found.loads_rejected + (0 if pane.run_mode == _STREAMING else pane.rejected),
        )
    for pane in latest:
        window = pane.starts_s, pane.ends_s, pane.event_type
        counted[window] = counted.get(window, Counted(runs=1))._replace(
            received=pane.received,
            accepted=pane.accepted,
            duplicates=pane.duplicates,
            rejected=pane.rejected,
        )
    together: dict[Key, Counted] = {}
    for (starts_s, _, event_type), each in counted.items():
        key = Key(starts_s // window_seconds * window_seconds, event_type)
        together[key] = together[key].plus(each) if key in together else each
    return together


def _panes(questions: Questions, span: Span) -> Iterator[Pane]:
    """The newest revision of each window and run."""
    yield from _ask(
        questions,
        span,
        "run_id, run_mode",
        f"""{questions.name(_LEDGER)} WHERE window_start >= @since AND window_start < @until
        QUALIFY ROW_NUMBER() OVER (
          PARTITION BY window_start, window_end, event_type, run_id
          ORDER BY pane_index DESC, emitted_at DESC) = 1""",
    )


def _latest(questions: Questions, span: Span) -> Iterator[Pane]:
    view = f"{questions.name(_LATEST)} WHERE window_start >= @since AND window_start < @until"
    yield from _ask(questions, span, "NULL AS run_id, NULL AS run_mode", view)


def _ask(questions: Questions, span: Span, run: str, source: str) -> Iterator[Pane]:
    question = f"""
        SELECT UNIX_SECONDS(window_start) AS starts_s, UNIX_SECONDS(window_end) AS ends_s, event_type,
          {run}, received, accepted, duplicates, rejected
        FROM {source}"""
    for row in questions.ask(question, span.parameters()):
        yield Pane(**dict(row.items()))
