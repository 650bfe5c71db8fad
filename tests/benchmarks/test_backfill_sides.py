"""The sides of the backfill benchmark do the same work: else their times say nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.backfill.answers import Answer, differences, metric_differences, read_answer
from benchmarks.backfill.inputs import InputSet, find, make
from benchmarks.backfill.peers import duckdb_script, plain_loop
from benchmarks.backfill.processes import ProgramFailed, run_program
from benchmarks.backfill.sides import pipeline_command
from pipeline.contract import load_contract
from pipeline.elements import ByteRange
from pipeline.errors import Rejected
from pipeline.lines import read_messages
from pipeline.parse import Parser

EVENTS = 3_000
BURN = "import time\nwhile time.process_time() < 0.3: pass"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> InputSet:
    return make(tmp_path_factory.mktemp("mixed"), EVENTS)


@pytest.fixture(scope="module")
def loop_answer(mixed: InputSet, tmp_path_factory: pytest.TempPathFactory) -> Answer:
    output = tmp_path_factory.mktemp("loop")
    plain_loop.run(mixed.pattern, str(output))
    return read_answer(output)


@pytest.fixture(scope="module")
def duckdb_answer(mixed: InputSet, tmp_path_factory: pytest.TempPathFactory) -> Answer:
    output = tmp_path_factory.mktemp("duckdb")
    duckdb_script.run(mixed.pattern, str(output))
    return read_answer(output)


def test_the_mix_has_about_one_invalid_event_in_twenty_and_one_duplicate_in_fifty(mixed: InputSet) -> None:
    expected = mixed.expected
    assert expected.accepted + expected.rejected + expected.duplicates == EVENTS
    assert 0.035 < expected.rejected / EVENTS < 0.065
    assert 0.012 < expected.duplicates / EVENTS < 0.028


def test_the_plain_loop_finds_what_the_generator_has_made(mixed: InputSet, loop_answer: Answer) -> None:
    assert differences(loop_answer, mixed.expected) == []
    assert loop_answer.rows == mixed.expected.rows
    orders = sum(row[0] for key, row in loop_answer.metrics.items() if key[1] == "all")
    assert orders == mixed.expected.rows["order"]


@pytest.mark.slow
def test_the_pipeline_writes_what_the_plain_loop_writes(
    mixed: InputSet, loop_answer: Answer, tmp_path: Path
) -> None:
    command = pipeline_command(mixed.pattern, tmp_path / "lake")
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    answer = read_answer(tmp_path / "lake")
    assert differences(answer, mixed.expected) == []
    assert metric_differences(answer, loop_answer) == []
    assert answer.metrics.keys() == loop_answer.metrics.keys()


def test_duckdb_loses_no_valid_event_and_takes_only_some_invalid_ones(
    mixed: InputSet, duckdb_answer: Answer
) -> None:
    missed = mixed.expected.rejected - duckdb_answer.dead_letters
    assert 0 < missed < mixed.expected.rejected / 5
    surplus = {name: duckdb_answer.rows[name] - rows for name, rows in mixed.expected.rows.items()}
    assert min(surplus.values()) >= 0
    assert sum(surplus.values()) <= missed  # of two broken copies with one key, the second is a duplicate


def test_duckdb_agrees_with_the_plain_loop_where_nothing_is_invalid(mixed: InputSet, tmp_path: Path) -> None:
    valid = tmp_path / "valid.jsonl"
    valid.write_bytes(b"".join(_valid_lines(mixed)))
    answers = []
    for name, run in (("loop", plain_loop.run), ("duckdb", duckdb_script.run)):
        run(str(valid), str(tmp_path / name))
        answers.append(read_answer(tmp_path / name))
    assert answers[1].rows == answers[0].rows == mixed.expected.rows
    assert answers[1].metrics.keys() == answers[0].metrics.keys()
    assert metric_differences(answers[1], answers[0]) == []


def test_a_side_with_another_number_is_told(loop_answer: Answer) -> None:
    key, row = next(iter(loop_answer.metrics.items()))
    changed = loop_answer._replace(metrics={**loop_answer.metrics, key: (row[0] + 1, *row[1:])})
    assert metric_differences(changed, loop_answer) == ["1 metric rows with other numbers"]
    without = loop_answer._replace(metrics={each: loop_answer.metrics[each] for each in [key]})
    assert metric_differences(without, loop_answer) == [f"{len(loop_answer.metrics) - 1} metric rows missing"]


def test_files_of_nothing_but_invalid_events_give_dead_letters_alone(tmp_path: Path) -> None:
    made = make(tmp_path / "in", 500, all_invalid=True)
    plain_loop.run(made.pattern, str(tmp_path / "out"))
    answer = read_answer(tmp_path / "out")
    assert (answer.rows, answer.dead_letters, answer.metrics) == ({}, 500, {})


def test_a_set_is_the_same_each_time_and_found_again(mixed: InputSet, tmp_path: Path) -> None:
    again = make(tmp_path, EVENTS)
    assert again.expected == mixed.expected
    assert (tmp_path / "part-00000.jsonl").read_bytes() == Path(
        mixed.pattern.replace("*", "00000")
    ).read_bytes()
    assert find(tmp_path) == again


def test_the_cpu_of_a_programs_own_children_counts(tmp_path: Path) -> None:
    spawn = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}], check=True)"
    took = run_program([sys.executable, "-c", spawn], tmp_path / "log")
    assert 0.3 <= took.cpu_seconds < 3
    assert took.peak_bytes > took.largest_process_bytes > 1_000_000


def test_a_program_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(ProgramFailed, match=r"code 3:\nno good"):
        run_program([sys.executable, "-c", "print('no good'); raise SystemExit(3)"], tmp_path / "log")


def test_sizes_that_do_not_grow_end_with_one_sentence_and_code_2() -> None:
    command = [sys.executable, "-m", "benchmarks.backfill", "--sizes", "3", "2", "1"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "error: --sizes must grow: give the smallest first.\n"


def _valid_lines(given: InputSet) -> list[bytes]:
    parser, lines = Parser(load_contract()), []
    data = Path(given.pattern.replace("*", "00000")).read_bytes()
    for message in read_messages(ByteRange("file", 0, len(data)), data, 0):
        try:
            parser.parse(message, 0)
        except Rejected:
            continue
        lines.append(message.payload + b"\n")
    return lines
