"""Payloads of 10 MB made to be slow: each is refused, and the work for it has a bound that can be counted."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from benchmarks.fuzz.extremes import EXTREMES
from pipeline import parse
from pipeline.collection import without_collection
from pipeline.errors import ContractError, MissingField
from pipeline.json_text import MAX_PAYLOAD_BYTES
from tests.contract.messages import message, refusal


@pytest.fixture
def collections() -> Iterator[list[str]]:
    """A note for each time that the garbage collector has run."""
    noted: list[str] = []

    def note(phase: str, _: dict[str, int]) -> None:
        noted.append(phase)

    gc.callbacks.append(note)
    yield noted
    gc.callbacks.remove(note)


@pytest.mark.parametrize("name", ["closed arrays", "objects of an element", "equal keys in objects"])
def test_a_payload_full_of_objects_does_not_keep_the_collector_busy(
    name: str, collections: list[str]
) -> None:
    payload = EXTREMES[name](400_000)
    refusal(message(payload))
    assert len(collections) < 10
    assert gc.isenabled()


def test_the_collector_runs_again_after_a_failure() -> None:
    @without_collection
    def fail() -> None:
        assert not gc.isenabled()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert gc.isenabled()


def test_the_id_of_an_event_that_is_refused_is_not_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    def derive(_: object) -> str:
        raise AssertionError("derived")

    monkeypatch.setattr(parse, "derived_id", derive)
    assert refusal(message({"event_type": "order", "a": [[]]}, {})).reason == "missing_field"


@pytest.mark.parametrize("name", EXTREMES)
def test_an_extreme_payload_has_the_size_that_is_asked_for(name: str) -> None:
    assert 9_000 <= len(EXTREMES[name](10_000)) <= 10_000 < MAX_PAYLOAD_BYTES


def test_a_refusal_keeps_nothing_of_the_payload_alive() -> None:
    class Read:
        """Stands for what was read of a payload."""

    noted: list[weakref.ref[Read]] = []

    @without_collection
    def refuse() -> None:
        read = Read()
        noted.append(weakref.ref(read))
        raise MissingField([ContractError("/a", "required", "The event lacks a.")])

    with pytest.raises(MissingField) as caught:
        refuse()
    assert noted[0]() is None
    assert str(caught.value) == "missing_field: The event lacks a."
