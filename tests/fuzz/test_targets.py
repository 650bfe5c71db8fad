"""Mutated inputs of every kind, in short; `python -m benchmarks.fuzz` and `make fuzz` go on for longer."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz.__main__ import Tally
from benchmarks.fuzz.extremes import EXTREMES
from benchmarks.fuzz.mutation import MAX_BYTES, SEPARATOR, mutated
from benchmarks.fuzz.targets import NAMES, Target, target

EXAMPLES = 60
SMALL_BYTES = 60_000


@cache
def seeds_of(name: str) -> list[bytes]:
    return target(name).seeds()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False))
def test_an_input_ends_in_a_declared_way(name: str, random: Random) -> None:
    seeds = seeds_of(name)
    assert isinstance(target(name).run(mutated(random.choice(seeds), seeds, random)), str)


@pytest.mark.parametrize("name", EXTREMES)
def test_an_extreme_payload_is_judged_in_time_that_grows_with_its_size(name: str) -> None:
    for mode in ("parse_reject", "parse_drop"):
        payload = b"event_type=order" + SEPARATOR + EXTREMES[name](SMALL_BYTES)
        assert target(mode).run(payload) in ANSWERS


ANSWERS = {
    *("accepted", "missing_field", "malformed_json", "nesting_too_deep", "duplicate_key", "lone_surrogate"),
    *("number_out_of_range", "invalid_event_id", "unknown_event_type"),
}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("repair_rules", b'{"rules":[{"when":{"path":"","exists":true},"do":{"drop":"/a/b"}}]}\0\0{"a":"x"}'),
        ("repair_rules", b'{"rules":[{"when":{"path":"","exists":true},"do":{"set":"/a","value":1}}]}\0\0[]'),
        ("contract_file", b'{"description":' + b"1" * 5_000 + b"}"),
        ("dead_letter", b"x" * 3_000 + SEPARATOR + b"{}"),
        ("retry_after", b"Mon, 02 Mar 99999 10:00:00 GMT"),
        ("retry_after", b"Mon, 02 Mar 2026 10:00:00 +9999"),
        ("backfill_file", b".jsonl.gz" + SEPARATOR + b"\x1f\x8b\x08\x00"),
        ("backfill_file", b".avro" + SEPARATOR + b"Obj\x01"),
    ],
)
def test_an_input_that_was_found_once_is_not_found_again(name: str, data: bytes) -> None:
    assert isinstance(target(name).run(data), str)


@pytest.mark.parametrize("head", [SEPARATOR + b'{"kind":', b'{"message":{"kind":'], ids=["alert", "event"])
def test_an_alert_is_dropped_however_deep_it_nests(head: bytes) -> None:
    # What can just be read cannot always be written: that takes a little more of the stack.
    tail = b"}" * head.count(b"{")
    assert {target("alert").run(head + b"[" * n + b"]" * n + tail) for n in range(800, 1_020)} == {"dropped"}


def test_mutated_inputs_are_those_of_the_seed_and_bounded() -> None:
    seeds = target("parse_reject").seeds()

    def drawn(seed: int) -> list[bytes]:
        random = Random(seed)
        return [mutated(random.choice(seeds), seeds, random) for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert max(map(len, drawn(1))) <= MAX_BYTES


def test_a_target_that_raises_is_a_find_with_its_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def fail_on_a(data: bytes) -> str:
        if data == b"a":
            raise KeyError("no such thing")
        return "fine"

    tally = Tally("odd")
    for data in (b"a", b"b", b"a"):
        tally.feed(Target(fail_on_a, list, 1), data)
    assert tally.finds.total() == 2
    assert tally.outcomes == {"fine": 1}
    said = capsys.readouterr().out
    assert said.count("FIND odd: KeyError at test_targets.py:") == 1
    assert [path.read_bytes() for path in tmp_path.glob("benchmarks-output/fuzz/odd-1.bin")] == [b"a"]
