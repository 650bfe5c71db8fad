"""Deduplicate on a stream, across chunks, periods and failed bundles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import apache_beam as beam
import pytest
from msgspec.structs import replace

from pipeline.elements import Event
from pipeline.transforms import deduplication
from pipeline.transforms.deduplication import Deduplicate
from tests.transforms.builders import event
from tests.transforms.streams import Outcome, Script

TTL_SECONDS = 100


@pytest.fixture(autouse=True)
def _new_process() -> Iterator[None]:
    """Start as a process does that has seen no bucket."""
    deduplication._INDEXES.clear()
    yield
    deduplication._INDEXES.clear()


def copy(published: float, event_id: str = "e1") -> Event:
    return event(event_id, published=published, message_id=f"{event_id} at {published:g}")


def deduplicate(
    ttl_seconds: int = TTL_SECONDS, buckets: int = 1
) -> Callable[[beam.PCollection], Mapping[str, beam.PCollection]]:
    return lambda events: Deduplicate(ttl_seconds, buckets).expand(events)._asdict()


def ids(outcome: Outcome, name: str) -> list[str]:
    return [each.message.message_id for chunk in outcome.outputs[name] for each in chunk]


def test_duplicate_event_id_counts_once() -> None:
    outcome = Script().chunk(copy(0), copy(1)).chunk(copy(2)).run(deduplicate())
    assert ids(outcome, "events") == ["e1 at 0"]
    assert ids(outcome, "duplicates") == ["e1 at 1", "e1 at 2"]


def test_every_event_comes_out_of_its_bucket_once() -> None:
    events = [copy(number, f"e{number % 40}") for number in range(100)]
    outcome = Script().chunk(*events[:50]).chunk(*events[50:]).run(deduplicate(1_000, buckets=7))
    assert sorted(ids(outcome, "events")) == sorted(f"e{number} at {number}" for number in range(40))
    assert sorted(ids(outcome, "duplicates")) == sorted(
        f"e{number % 40} at {number}" for number in range(40, 100)
    )


def test_a_replay_is_known_by_its_event_in_whatever_bucket_that_is() -> None:
    def replay(published: float, event_id: str) -> Event:
        original = copy(published, event_id)
        marks = {**original.message.attributes, "replayed_stage": "bigquery_unavailable:1"}
        return replace(original, message=replace(original.message, attributes=marks))

    names = [f"e{number}" for number in range(20)]
    script = Script().chunk(*[replay(1, name) for name in names]).chunk(*[copy(2, name) for name in names])
    outcome = script.run(deduplicate(buckets=7))
    assert sorted(ids(outcome, "events")) == sorted(f"{name} at 1" for name in names)
    assert sorted(ids(outcome, "duplicates")) == sorted(f"{name} at 2" for name in names)


def test_ids_are_forgotten_after_their_time_across_periods() -> None:
    # Periods turn over at multiples of the time to live, which no id is bound to.
    times = (30, 129.999999, 130, 229, 230, 430, 529)
    script = Script()
    for when in times:
        script.chunk(copy(when))
    outcome = script.run(deduplicate())
    assert ids(outcome, "events") == ["e1 at 30", "e1 at 130", "e1 at 230", "e1 at 430"]
    assert ids(outcome, "duplicates") == ["e1 at 130", "e1 at 229", "e1 at 529"]


def test_ids_outlive_the_turn_of_a_period() -> None:
    outcome = Script().chunk(copy(99)).chunk(copy(100, "e2")).chunk(copy(198)).run(deduplicate())
    assert ids(outcome, "duplicates") == ["e1 at 198"]


def test_an_id_seen_again_is_known_when_its_bucket_moves_to_another_worker() -> None:
    # The id stands in both logs, the older time in the one that is read last.
    before = Script().chunk(copy(150)).chunk(copy(250)).chunk(copy(260))
    outcome = before.run(_losing_its_memory(deduplicate()))
    assert ids(outcome, "events") == ["e1 at 150", "e1 at 250"]
    assert ids(outcome, "duplicates") == ["e1 at 260"]


def test_what_a_failed_bundle_had_seen_is_not_held_against_its_repetition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script().chunk(copy(0)).chunk(copy(1, "e2"), copy(2)).chunk(copy(3, "e2"))
    failures = [OSError("second"), OSError("first")]

    def finish_bundle(_: beam.DoFn) -> None:
        if (
            dict(deduplication._INDEXES[0].items()).keys() > {deduplication.identity_key(copy(0))}
            and failures
        ):
            raise failures.pop()

    monkeypatch.setattr(deduplication._KeepFirst, "finish_bundle", finish_bundle)
    outcome = script.run(deduplicate())
    assert failures == []
    assert ids(outcome, "events") == ["e1 at 0", "e2 at 1"]
    assert ids(outcome, "duplicates") == ["e1 at 2", "e2 at 3"]


def test_an_index_that_state_does_not_vouch_for_is_read_again() -> None:
    stale = deduplication.SeenIds([], b"")
    stale.split([copy(0)], TTL_SECONDS * 1_000_000)
    deduplication._INDEXES[0] = stale
    outcome = Script().chunk(copy(0)).run(deduplicate())
    assert ids(outcome, "events") == ["e1 at 0"]


def test_a_process_keeps_a_bounded_number_of_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deduplication, "CACHED_INDEXES", 2)
    events = [copy(number, f"e{number}") for number in range(20)]
    outcome = Script().chunk(*events).chunk(*events).run(deduplicate(1_000, buckets=5))
    assert len(deduplication._INDEXES) == 2
    assert sorted(ids(outcome, "duplicates")) == sorted(ids(outcome, "events"))


class _Forget(beam.DoFn):
    def process(self, events: list[Event]) -> Iterator[list[Event]]:
        deduplication._INDEXES.clear()
        yield events


def _losing_its_memory(build: Callable[..., Mapping[str, beam.PCollection]]) -> Callable[..., object]:
    return lambda events: build(events | "Forget" >> beam.ParDo(_Forget()))
