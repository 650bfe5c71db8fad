"""Window arithmetic, and the rows and keys of the tables the pipeline fills itself."""

from __future__ import annotations

import orjson
import pytest
from apache_beam.transforms.window import FixedWindows
from apache_beam.utils.timestamp import MAX_TIMESTAMP, MIN_TIMESTAMP
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rfc3339 import MAX_US, MIN_US
from pipeline.rows import Run, content_id, revision_columns, revision_key, row_of
from pipeline.transforms.windowed_sums import Revision
from pipeline.windows import beam_timestamp, window_start_us
from tests.transforms.builders import NOON_US, SECOND, at

RUN = Run("run-1", "streaming")
REVISION = Revision(at(0), at(300), "all", {}, 2, "late")


@given(st.integers(MIN_US, MAX_US), st.integers(1, 86_400))
def test_window_start_is_that_of_beams_fixed_windows(timestamp_us: int, window_seconds: int) -> None:
    (window,) = FixedWindows(window_seconds).assign(FixedWindows.AssignContext(beam_timestamp(timestamp_us)))
    assert window_start_us(timestamp_us, window_seconds) == window.start.micros


@pytest.mark.parametrize("offset_us", [0, 1, 300 * SECOND - 1])
def test_a_window_holds_its_start_and_not_its_end(offset_us: int) -> None:
    assert window_start_us(NOON_US + offset_us, 300) == NOON_US
    assert window_start_us(NOON_US + 300 * SECOND, 300) == NOON_US + 300 * SECOND


@given(st.integers(MIN_US, MAX_US))
def test_every_time_of_the_contract_is_one_of_beams(timestamp_us: int) -> None:
    assert beam_timestamp(timestamp_us).micros == timestamp_us


def test_times_that_beam_cannot_hold_become_its_first_and_nearly_its_last() -> None:
    assert beam_timestamp(-(2**70)) == MIN_TIMESTAMP
    assert beam_timestamp(2**70) < MAX_TIMESTAMP


def test_content_id_tells_parts_apart_and_is_the_same_in_every_process() -> None:
    ids = {content_id(parts) for parts in [("a", "b"), ("b", "a"), ("ab",), ("a", "b", ""), ("a", 1)]}
    assert len(ids) == 5
    assert all(len(each) == 32 for each in ids)
    assert content_id(("a", "b")) == "852635742d6eb30fdccb0e7c1b53d92f"


def test_row_leaves_out_what_is_none_and_keeps_zero_and_false() -> None:
    row = row_of({"a": None, "b": 0, "c": False, "d": ""}, key=("k",))
    assert orjson.loads(row.json) == {"b": 0, "c": False, "d": ""}
    assert row.insert_id == content_id(("k",))


def test_columns_of_a_revision() -> None:
    assert revision_columns(REVISION, RUN, at(400)) == {
        "window_start": "2024-05-01T12:00:00.000000Z",
        "window_end": "2024-05-01T12:05:00.000000Z",
        "run_id": "run-1",
        "run_mode": "streaming",
        "pane_index": 2,
        "pane_timing": "late",
        "emitted_at": "2024-05-01T12:06:40.000000Z",
    }


def test_the_last_window_of_the_calendar_ends_with_it() -> None:
    last = REVISION._replace(window_start_us=MAX_US + 1 - 300 * SECOND, window_end_us=MAX_US + 1)
    columns = revision_columns(last, RUN, NOON_US)
    assert columns["window_start"] == "9999-12-31T23:55:00.000000Z"
    assert columns["window_end"] == "9999-12-31T23:59:59.999999Z"


def test_key_of_a_revision_tells_window_length_run_and_pane_apart() -> None:
    others = [
        REVISION._replace(window_start_us=at(300)),
        REVISION._replace(window_end_us=at(3_600)),
        REVISION._replace(pane_index=3),
    ]
    keys = {revision_key(each, RUN) for each in [REVISION, *others]}
    keys.add(revision_key(REVISION, Run("run-2", "streaming")))
    assert len(keys) == 5
    assert revision_key(REVISION._replace(pane_timing="early", parts={"x": 1}), RUN) in keys
