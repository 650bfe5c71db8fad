"""The ledger: received = accepted + duplicates + rejected, per publish-time window and event type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import apache_beam as beam
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.elements import DeadLetter, Event
from pipeline.rows import Run
from pipeline.transforms.quality import (
    UNKNOWN,
    Counts,
    LedgerSettings,
    MeasureQuality,
    Outcomes,
    count_accepted,
    count_duplicates,
    count_rejected,
    ledger_rows,
)
from pipeline.transforms.windowed_sums import Revision
from tests.transforms.builders import at, dead_letter, event
from tests.transforms.streams import LONGEST_TIMER_SECONDS, Script

WINDOW = 300
WEEK = 604_800


def counted(windows: Mapping[int, Mapping[str, Counts]]) -> dict[tuple[float, str], tuple[int, ...]]:
    return {
        ((start_us - at(0)) / 1e6, kind): (
            each.received,
            each.accepted,
            each.duplicates,
            each.rejected,
            each.late,
        )
        for start_us, parts in windows.items()
        for kind, each in parts.items()
    }


def test_accepted_events_count_by_publish_time_and_type() -> None:
    events = [event("a", published=299), event("b", published=301), event("c", "inventory", published=301)]
    assert counted(count_accepted(events, WINDOW)) == {
        (0, "order"): (1, 1, 0, 0, 0),
        (300, "order"): (1, 1, 0, 0, 1),
        (300, "inventory"): (1, 1, 0, 0, 1),
    }


def test_duplicates_are_received_and_not_late() -> None:
    assert counted(count_duplicates([event(published=301)], WINDOW)) == {(300, "order"): (1, 0, 1, 0, 0)}


def test_dead_letters_count_when_published_or_else_when_they_failed() -> None:
    letters = [
        dead_letter(published=301),
        dead_letter(published=301, event_type=None),
        dead_letter(published=None),
    ]
    assert counted(count_rejected(letters, WINDOW)) == {
        (300, "order"): (1, 0, 0, 1, 0),
        (300, UNKNOWN): (1, 0, 0, 1, 0),
        (0, "order"): (1, 0, 0, 1, 0),
    }


def test_size_and_delay_are_measured_where_they_are_known() -> None:
    letters = [dead_letter(b"x" * 100, published=0), dead_letter(b"x" * 100, published=None)]
    counts = count_rejected(letters, WINDOW)[at(0)]["order"]
    assert counts.payload_bytes.percentile(1) == pytest.approx(100, rel=0.01)
    assert sum(counts.payload_bytes.counts.values()) == 2
    assert counts.latency_ms.percentile(1) == pytest.approx(1_000, rel=0.01)
    assert sum(counts.latency_ms.counts.values()) == 1


_outcomes = st.lists(
    st.tuples(
        st.sampled_from(["accepted", "duplicates", "rejected"]),
        st.sampled_from(["order", "inventory", "user_activity"]),
        st.integers(0, 900),
    )
)


@given(_outcomes)
def test_received_is_accepted_duplicates_and_rejected(outcomes: list[tuple[str, str, int]]) -> None:
    total: dict[tuple[int, str], Counts] = {}
    for outcome, kind, published in outcomes:
        if outcome == "rejected":
            windows = count_rejected([dead_letter(published=published, event_type=kind)], WINDOW)
        else:
            count = count_accepted if outcome == "accepted" else count_duplicates
            windows = count([event("e1", kind, published=published)], WINDOW)
        for start_us, parts in windows.items():
            for each, counts in parts.items():
                total.setdefault((start_us, each), Counts()).add(counts)
    for (start_us, kind), counts in total.items():
        here = [each for each in outcomes if each[1] == kind and at(each[2] - each[2] % WINDOW) == start_us]
        assert counts.received == len(here)
        assert Counter(each[0] for each in here) == Counter(
            accepted=counts.accepted, duplicates=counts.duplicates, rejected=counts.rejected
        )
        assert counts.validity_rate == 1 - counts.rejected / len(here)
    assert sum(counts.received for counts in total.values()) == len(outcomes)


def test_nothing_received_has_no_validity() -> None:
    assert Counts().validity_rate is None


def test_rows_of_the_ledger() -> None:
    parts = count_accepted([event(published=1)], WINDOW)[at(0)]
    parts["order"].add(Counts(duplicates=2, rejected=1))
    run = Run("run-1", "streaming")
    (row,) = ledger_rows(Revision(at(0), at(300), "ledger", parts, 1, "early"), run, at(60))
    columns = orjson.loads(row.json)
    sizes = [columns.pop(f"payload_bytes_p{percent}") for percent in (50, 95, 99)]
    delays = [columns.pop(f"latency_ms_p{percent}") for percent in (50, 95, 99)]
    assert sizes == pytest.approx([len(event(published=1).message.payload)] * 3, rel=0.01)
    assert delays == pytest.approx([1_000] * 3, rel=0.01)
    assert columns == {
        "window_start": "2024-05-01T12:00:00.000000Z",
        "window_end": "2024-05-01T12:05:00.000000Z",
        "run_id": "run-1",
        "run_mode": "streaming",
        "pane_index": 1,
        "pane_timing": "early",
        "emitted_at": "2024-05-01T12:01:00.000000Z",
        "event_type": "order",
        "received": 4,
        "accepted": 1,
        "duplicates": 2,
        "rejected": 1,
        "validity_rate": 0.75,
        "late": 0,
    }


def measure(outcomes: beam.PCollection) -> Mapping[str, beam.PCollection]:
    """Events, those with a message id of `again` as duplicates, and DeadLetters."""
    accepted, duplicates, rejected = [
        outcomes | f"Take {name}" >> beam.ParDo(_Take(name)) for name in ("accepted", "duplicate", "rejected")
    ]
    refused_later = outcomes | "Take none" >> beam.ParDo(_Take("none"))
    return {
        "ledger": Outcomes(accepted, duplicates, {"Parse": rejected, "BigQuery": refused_later})
        | MeasureQuality(LedgerSettings(WINDOW, LONGEST_TIMER_SECONDS, lateness_seconds=WEEK))
    }


class _Take(beam.DoFn):
    def __init__(self, name: str) -> None:
        self.name = name

    def process(self, elements: list[Event | DeadLetter]) -> list[list[Event | DeadLetter]]:
        taken = [each for each in elements if _way(each) == self.name]
        return [taken] if taken else []


def _way(element: Event | DeadLetter) -> str:
    if isinstance(element, DeadLetter):
        return "rejected"
    return "duplicate" if (element.message.message_id or "").startswith("again") else "accepted"


def panes(revisions: list[Revision]) -> list[tuple[float, int, str, tuple[int, ...]]]:
    return sorted(
        ((each.window_start_us - at(0)) / 1e6, each.pane_index, each.pane_timing, totals)
        for each in revisions
        for totals in counted({each.window_start_us: each.parts}).values()
    )


def test_the_three_ways_of_a_message_add_up_in_one_row() -> None:
    script = Script().chunk(event("a"), event("a", message_id="again"), event("b"), dead_letter())
    ledger = script.run(measure).outputs["ledger"]
    assert panes(ledger)[-1] == (0, 1, "on_time", (4, 2, 1, 1, 0))


def test_a_message_redelivered_days_late_is_in_the_window_of_its_publish_time() -> None:
    script = Script().chunk(event("a")).watermark(300).chunk(event("b", published=301)).watermark(WEEK - 1)
    script.chunk(dead_letter(published=10), event("c", published=20)).wait(61)
    ledger = panes(script.run(measure).outputs["ledger"])
    assert ledger[2] == (0, 2, "late", (3, 2, 0, 1, 0))
    assert ledger[-1][:1] + ledger[-1][2:] == (300, "on_time", (1, 1, 0, 0, 1))
