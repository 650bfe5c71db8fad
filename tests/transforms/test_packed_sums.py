"""Sums of a run over files: packed, few of them waiting, and what they come to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.anomalies.orders import OrderWindow
from pipeline.anomalies.stock import Moves
from pipeline.histogram import Histogram
from pipeline.packing import pack, unpack
from pipeline.transforms.observations import Observation, PackedWindows, assemble
from pipeline.transforms.quality import Counts
from pipeline.transforms.windowed_sums import MOST_PACKED, AddUpPacked, AddUpParts
from tests.transforms.builders import at

_parts = st.dictionaries(st.sampled_from("abc"), st.builds(Moves, *[st.integers(-9, 9)] * 4), max_size=3)


def plain(value: Any) -> Any:
    """A value without objects that are equal to themselves alone."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return plain(value.__reduce__()[1]) if isinstance(value, Moves | Counts | Histogram) else value


@given(st.lists(_parts, min_size=1, max_size=12), st.integers(0, 12))
def test_packed_sums_come_to_what_plain_ones_do_on_however_many_workers(
    chunks: list[dict[str, Moves]], cut: int
) -> None:
    packed = AddUpPacked()
    accumulators = []
    for chunks_of_worker in (chunks[:cut], chunks[cut:]):
        accumulator = packed.create_accumulator()
        for parts in chunks_of_worker:
            accumulator = packed.add_input(accumulator, pack(parts))
            assert len(accumulator) <= MOST_PACKED
        accumulators.append(accumulator)
    total = unpack(packed.extract_output(packed.merge_accumulators(accumulators)))
    assert plain(total) == plain(AddUpParts().merge_accumulators(chunks))


def test_what_many_chunks_bring_to_one_sum_stays_small() -> None:
    packed, parts = AddUpPacked(), {f"P{number}": Moves(number) for number in range(100)}
    accumulator = packed.create_accumulator()
    for _ in range(200):
        accumulator = packed.add_input(accumulator, pack(parts))
    assert sum(map(len, accumulator)) < 2 * MOST_PACKED * len(pack(parts))
    assert unpack(packed.extract_output(accumulator))["P7"].units == 1_400


def test_a_packed_sum_is_small() -> None:
    # A window of a warehouse: what waits is to be bytes, not a hundred bytes a product.
    assert len(pack({f"PROD-{number:05}": Moves(-number) for number in range(300)})) < 300 * 12


WAREHOUSES = [{"WH1": {"P1": Moves(1)}}, {"WH2": {"P1": Moves(2)}}]


@pytest.mark.parametrize(
    ("key", "observed"),
    [
        ("orders", [OrderWindow(3, 30.0), OrderWindow(0, 0.0, {"status": {"shipped": 3}})]),
        ("ledger", [{"order": Counts(accepted=1)}]),
        ("stock 3", WAREHOUSES),
    ],
)
def test_windows_are_put_together_as_if_they_had_never_been_packed(key: str, observed: list[Any]) -> None:
    observations = [Observation(at(start), at(start + 300), each) for start in (0, 300) for each in observed]
    packed = PackedWindows(key, [(each.window_start_us, pack(each)) for each in observations])
    assert len(packed) == 2
    assert plain(dict(packed)) == plain(assemble(key, observations))
