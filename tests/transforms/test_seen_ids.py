"""Which events a bucket lets through, and what its log says of that afterwards."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline import seen_ids
from pipeline.elements import Event
from pipeline.seen_ids import SeenIds, identity_key
from tests.transforms.builders import SECOND, event

TTL_SECONDS = 100
TTL_US = TTL_SECONDS * SECOND
EMPTY = b""


def split(events: list[Event], ttl_us: int = TTL_US) -> tuple[list[str], list[str]]:
    first, duplicates, _ = SeenIds([], EMPTY).split(events, ttl_us)
    return [each.message.message_id or "" for each in first], [
        each.message.message_id or "" for each in duplicates
    ]


def copies(*published: float) -> list[Event]:
    return [event("e1", published=when, message_id=f"at {when:g}") for when in published]


def test_the_first_of_an_id_passes_and_the_others_are_duplicates() -> None:
    assert split(copies(0, 1, 2)) == (["at 0"], ["at 1", "at 2"])


def test_same_id_in_another_event_type_is_no_duplicate() -> None:
    events = [event("e1", kind, message_id=kind) for kind in ("order", "inventory", "user_activity")]
    assert split(events) == (["order", "inventory", "user_activity"], [])


@pytest.mark.parametrize("seconds", [TTL_SECONDS, TTL_SECONDS + 1])
def test_an_id_is_forgotten_after_its_time(seconds: float) -> None:
    assert split(copies(0, seconds)) == (["at 0", f"at {seconds:g}"], [])


def test_an_id_is_not_forgotten_a_microsecond_before() -> None:
    late = event("e1", published=TTL_SECONDS - 0.000001, message_id="just before")
    assert split([*copies(0), late]) == (["at 0"], ["just before"])


def test_a_duplicate_does_not_prolong_the_time_of_its_id() -> None:
    assert split(copies(0, 99, 100, 199)) == (["at 0", "at 100"], ["at 99", "at 199"])


def test_an_earlier_published_copy_that_comes_later_is_a_duplicate() -> None:
    assert split(copies(50, 0)) == (["at 50"], ["at 0"])


def test_identity_is_type_and_id() -> None:
    keys = {identity_key(event(each, kind)) for each in ("e1", "e2") for kind in ("order", "inventory")}
    assert len(keys) == 4
    assert identity_key(event("e1", seconds=5)) == identity_key(event("e1", seconds=9))


def replay(event_id: str, count: str, published: float) -> Event:
    """A replay of a letter that was refused behind de-duplication."""
    marks = {"replay_count": count, "replayed_stage": f"bigquery:{count}"}
    original = event(event_id, published=published, message_id=f"replay {count} at {published:g}")
    message = original.message
    return replace(original, message=replace(message, attributes={**message.attributes, **marks}))


def test_a_replay_of_a_remembered_id_passes_once_and_the_next_replay_once() -> None:
    events = [*copies(0), replay("e1", "1", 5), replay("e1", "1", 6), replay("e1", "2", 7), *copies(8)]
    assert split(events) == (["at 0", "replay 1 at 5", "replay 2 at 7"], ["replay 1 at 6", "at 8"])


def test_which_replay_it_is_need_not_be_said_twice() -> None:
    first, second = replay("e1", "1", 5), replay("e1", "2", 6)
    for each in (first, second):
        each.message.attributes.pop("replay_count")  # type: ignore[attr-defined]
    assert split([*copies(0), first, second]) == (["at 0", "replay 1 at 5", "replay 2 at 6"], [])


@pytest.mark.parametrize("recent_ids", [0, 100], ids=["packed", "recent"])
def test_the_event_of_a_replay_is_known_from_then_on(
    recent_ids: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_ids, "RECENT_IDS", recent_ids)
    for before in ([], copies(0)):  # after a restart, and without one
        index = SeenIds([], EMPTY)
        log = [index.split([each], TTL_US)[2] for each in [*before, replay("e1", "1", 90)]]
        for known in (index, SeenIds(reversed(log), EMPTY)):
            said = [len(known.split([each], TTL_US)[0]) for each in copies(101, 189, 190)]
            assert said == [0, 0, 1]


def test_a_replay_that_comes_late_does_not_shorten_the_time_of_its_event() -> None:
    index = SeenIds([], EMPTY)
    log = [index.split([each], TTL_US)[2] for each in [*copies(50), replay("e1", "1", 5)]]
    for known in (index, SeenIds(log, EMPTY)):
        assert len(known.split(copies(149), TTL_US)[1]) == 1


def test_a_replay_of_what_was_refused_before_is_a_copy_like_any_other() -> None:
    unmarked = replay("e1", "1", 5)
    unmarked.message.attributes.pop("replayed_stage")  # type: ignore[attr-defined]
    assert split([*copies(0), unmarked]) == (["at 0"], ["replay 1 at 5"])


_chunks = st.lists(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 350)).map(
            lambda made: event(made[0], published=made[1])
        ),
        max_size=4,
    ),
    max_size=6,
)


def _blocks(index: SeenIds, chunks: list[list[Event]]) -> Iterator[bytes]:
    for chunk in chunks:
        _, _, block = index.split(chunk, TTL_US)
        if block:
            yield block


@given(_chunks, st.randoms())
def test_an_index_read_from_the_log_in_any_order_is_the_one_that_wrote_it(
    chunks: list[list[Event]], chance: object
) -> None:
    written = SeenIds([], EMPTY)
    log = list(_blocks(written, chunks))
    chance.shuffle(log)  # type: ignore[attr-defined]
    assert dict(SeenIds(log, written.token).items()) == dict(written.items())


class _Dict:
    """What the index does, with a dict of all ids."""

    def __init__(self) -> None:
        self.seen_us: dict[bytes, int] = {}

    def split(self, events: list[Event]) -> tuple[list[Event], list[Event]]:
        first: list[Event] = []
        duplicates: list[Event] = []
        for each in events:
            known_us = self.seen_us.get(identity_key(each))
            if known_us is not None and each.publish_time_us < known_us + TTL_US:
                duplicates.append(each)
            else:
                self.seen_us[identity_key(each)] = each.publish_time_us
                first.append(each)
        return first, duplicates


@given(_chunks, st.integers(0, 3))
def test_it_says_what_a_dict_of_all_ids_would_say(chunks: list[list[Event]], recent_ids: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seen_ids, "RECENT_IDS", recent_ids)
        index, model = SeenIds([], EMPTY), _Dict()
        for chunk in chunks:
            assert index.split(chunk, TTL_US)[:2] == model.split(chunk)
        assert dict(index.items()) == model.seen_us


def test_ids_with_half_a_hash_in_common_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_ids, "RECENT_IDS", 0)
    monkeypatch.setattr(seen_ids, "identity_key", lambda each: b"\xff" * 8 + each.event_id.encode().zfill(8))
    index = SeenIds([], EMPTY)
    for number in (3, 1, 2, 7, 5):
        assert len(index.split([event(str(number), published=number)], TTL_US)[0]) == 1
    again = [event(str(number), published=9) for number in range(9)]
    first, duplicates, _ = index.split(again, TTL_US)
    assert [each.event_id for each in first] == ["0", "4", "6", "8"]
    assert [each.event_id for each in duplicates] == ["1", "2", "3", "5", "7"]


def test_a_packed_id_takes_little_memory() -> None:
    events = [event(f"e{number}", published=number / 1_000) for number in range(60_000)]
    tracemalloc.start()
    try:
        index = SeenIds([], EMPTY)
        for start in range(0, len(events), 500):
            index.split(events[start : start + 500], TTL_US)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / len(events) < 40
    assert len(dict(index.items())) == len(events)


@given(_chunks)
def test_every_event_comes_out_once(chunks: list[list[Event]]) -> None:
    index = SeenIds([], EMPTY)
    for chunk in chunks:
        first, duplicates, _ = index.split(chunk, TTL_US)
        assert sorted(map(id, first + duplicates)) == sorted(map(id, chunk))


def test_the_token_changes_with_the_ids_and_not_with_duplicates() -> None:
    index, twin = SeenIds([], EMPTY), SeenIds([], EMPTY)
    index.split(copies(0), TTL_US)
    token = index.token
    assert token != EMPTY
    index.split(copies(1), TTL_US)
    assert index.token == token
    twin.split([event("e2")], TTL_US)
    assert twin.token != token
