"""What a soak makes of its samples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.live_run import check_all_finished
from benchmarks.soak import __main__ as program
from benchmarks.soak.report import conclude, is_flat, minute_line, trends
from benchmarks.soak.samples import Memory, Said, Sample, last_said, memory_of
from benchmarks.soak.trend import theil_sen, trend
from pipeline.elements import Event, RawMessage
from pipeline.live.figures import LiveFigures
from pipeline.live.source import LiveSource

LINE = (
    "   40 s  1,205 messages read, 1,100 rows written, 5 in flight, "
    "publish to row p50 139 ms, p95 1,262 ms, 33 done/s"
)


def sample(second: float, rss: float, p50_ms: int = 100, cpu_seconds: float | None = None) -> Sample:
    read = round(second * 400)
    said = Said(round(second), read, read, 0, p50_ms, 2 * p50_ms, 400)
    return Sample(second, Memory(rss, rss, rss), {"pubsub": 50.0}, cpu_seconds or second / 2, said)


@given(st.floats(-100, 100), st.floats(0, 1_000), st.data())
def test_a_quarter_of_wild_points_does_not_move_the_slope(
    slope: float, start: float, data: st.DataObject
) -> None:
    points = [(float(second), start + slope * second) for second in range(0, 400, 10)]
    for number in data.draw(st.lists(st.integers(0, 39), max_size=4, unique=True)):
        points[number] = (points[number][0], data.draw(st.floats(-1e6, 1e6)))
    assert theil_sen(points) == pytest.approx(slope, rel=1e-6, abs=1e-6)


def test_thirds_are_medians_and_the_slope_is_of_an_hour() -> None:
    points = [(second, 100 + second / 60) for second in range(0, 900, 10)]
    judged = trend("RSS", "MB", points, 0.1)
    assert (judged.samples, judged.first_third, judged.last_third) == (
        90,
        pytest.approx(102.4, abs=0.1),
        pytest.approx(112.4, abs=0.1),
    )
    assert judged.slope == pytest.approx(60)
    assert judged.limit == pytest.approx(10.7, abs=0.1)
    assert not judged.is_flat


def test_memory_and_the_median_latency_decide_and_what_grows_during_the_warm_up_does_not_count() -> None:
    flat = [sample(second, 200 + min(second, 300), p50_ms=second) for second in range(10, 900, 10)]
    judged = trends(flat, skipped_seconds=300)
    assert {each.name: each.is_flat for each in judged} == {
        "RSS": True,
        "PSS": True,
        "publish to row p50": False,
        "publish to row p95": False,
        "CPU a message": True,
    }
    assert not is_flat(judged)
    assert is_flat([each for each in judged if each.name != "publish to row p50"])
    assert not is_flat([each for each in trends(flat, skipped_seconds=0) if each.unit == "MB"])


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="5 samples of RSS are too few to tell a trend; run for longer"):
        trends([sample(second, 200) for second in range(10, 60, 10)], 0)


def test_whatever_comes_of_a_run_its_samples_are_kept(tmp_path: Path) -> None:
    samples, path = [sample(second, 200) for second in range(10, 60, 10)], tmp_path / "soak.json"
    said, is_passed = conclude(path, {"minutes": 1}, samples, 0, "the pipeline has ended with code 1")
    written = json.loads(path.read_text())
    assert [each["second"] for each in written["samples"]] == [10, 20, 30, 40, 50]
    assert written["run"]["complaints"] == said.splitlines()
    assert said.startswith("the pipeline has ended with code 1\n5 samples of RSS are too few")
    assert not is_passed


def test_a_run_with_a_complaint_is_not_passed_however_flat_it_is(tmp_path: Path) -> None:
    samples, path = [sample(second, 200) for second in range(10, 300, 10)], tmp_path / "soak.json"
    assert conclude(path, {}, samples, 100, "")[1]
    assert not conclude(path, {}, samples, 100, "9 published and 8 finished")[1]


def test_messages_left_over_are_told(tmp_path: Path) -> None:
    (tmp_path / "pipeline.log").write_text("drained\n")
    (tmp_path / "stats.json").write_text('{"messages_finished": 8}')
    assert check_all_finished(tmp_path, 8) == {"messages_finished": 8}
    with pytest.raises(RuntimeError, match="9 messages were published and 8 finished:\ndrained"):
        check_all_finished(tmp_path, 9)


@pytest.mark.parametrize("minutes", ["0", "1", "2.6"])
def test_a_run_too_short_to_judge_is_refused_before_it_starts(
    minutes: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def start(*_: object) -> None:
        raise AssertionError("it has started")

    monkeypatch.setattr(program, "soak", start)
    with pytest.raises(SystemExit) as ended:
        program.main(["--minutes", minutes])
    assert ended.value.code == 2
    assert "too short to tell a trend: give at least 2.7." in capsys.readouterr().err
    with pytest.raises(AssertionError, match="it has started"):
        program.main(["--minutes", "2.7"])


def test_cpu_is_that_of_the_messages_between_two_samples() -> None:
    line = minute_line(sample(120, 250, cpu_seconds=40), sample(60, 240, cpu_seconds=28))
    assert "500 µs CPU a message" in line  # 12 s for 24,000
    assert "RSS   250 MB" in line


def test_the_last_line_of_progress_counts() -> None:
    assert last_said(f"x\n{LINE}\n{LINE.replace('40 s', '50 s')}\ny") == Said(
        50, 1_205, 1_100, 5, 139, 1_262, 33
    )
    assert last_said("nothing yet\n") is None


def test_what_the_pipeline_says_of_itself_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")  # nothing is asked of it
    source = LiveSource("projects/p/subscriptions/s", max_in_flight=1, slack_us=1, longest_timer_seconds=1)
    try:
        figures = LiveFigures(source)
        for number, published_us in enumerate((0, 10**15)):
            source.flight.admit(str(number), "ack")
            message = RawMessage(b"", {}, str(number), published_us)
            source.note_written([Event("order", "e", 1, b"{}", 0, published_us, 0, False, message)])
            said = last_said(f"   10 s  {figures()}")
            assert said is not None
            assert (said.read, said.rows, said.in_flight) == (number + 1, number + 1, number + 1)
            # Of the last event alone: the first was published in 1970, half a century before the second.
            assert (said.p50_ms > 1_700_000_000_000) is (number == 0)
    finally:
        source.close()


def test_memory_of_a_process_is_what_the_kernel_says() -> None:
    memory = memory_of("self")
    assert memory.rss >= memory.pss >= memory.private_dirty > 10
