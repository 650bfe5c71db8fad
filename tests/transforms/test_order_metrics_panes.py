"""SummarizeOrders on a stream: panes as revisions, late orders, and hours that agree with windows."""

from __future__ import annotations

from collections.abc import Mapping

import apache_beam as beam

from pipeline.transforms.order_metrics import SummarizeOrders, SummarizeSettings
from tests.transforms.builders import at, event
from tests.transforms.streams import LONGEST_TIMER_SECONDS, Outcome, Script, run_batch

Pane = tuple[float, int, str, int]
"""Window start in s after noon, pane index, timing, orders."""


def summarize(events: beam.PCollection) -> Mapping[str, beam.PCollection]:
    settings = SummarizeSettings(
        window_seconds=300, pane_seconds=LONGEST_TIMER_SECONDS, lateness_seconds=7_200
    )
    return (events | SummarizeOrders(settings))._asdict()


def summarize_files(events: beam.PCollection) -> Mapping[str, beam.PCollection]:
    return (events | SummarizeOrders(SummarizeSettings(pane_seconds=None)))._asdict()


def panes(outcome: Outcome, name: str = "windows") -> list[Pane]:
    return sorted(
        ((each.window_start_us - at(0)) / 1e6, each.pane_index, each.pane_timing, each.parts["all"].orders)
        for each in outcome.outputs[name]
        if each.group == "all"
    )


def last_panes(outcome: Outcome, name: str) -> dict[float, int]:
    return {start: orders for start, _, _, orders in panes(outcome, name)}


def test_a_window_shows_itself_early_on_time_and_late_each_time_as_a_whole() -> None:
    script = Script().chunk(event("a")).wait(61).chunk(event("b", seconds=70)).wait(61)
    script.watermark(300).chunk(event("c", seconds=80, published=310)).wait(61)
    assert panes(script.run(summarize)) == [
        (0, 0, "early", 1),
        (0, 1, "early", 2),
        (0, 2, "on_time", 2),
        (0, 3, "late", 3),
    ]


def test_nothing_is_shown_before_its_time() -> None:
    script = Script().chunk(event("a", seconds=290)).wait(5).watermark(299)
    assert panes(script.chunk(event("b", seconds=295)).wait(1).run(summarize))[-1] == (0, 1, "on_time", 2)


def test_all_dimensions_of_a_window_agree() -> None:
    outcome = Script().chunk(event("a"), event("b", status="shipped", shipping_address=None)).run(summarize)
    on_time = [each for each in outcome.outputs["windows"] if each.pane_timing == "on_time"]
    assert {each.group: {value: part.orders for value, part in each.parts.items()} for each in on_time} == {
        "all": {"all": 2},
        "status": {"pending": 1, "shipped": 1},
        "country": {"DE": 1, "(none)": 1},
        "category": {"(none)": 2},
    }


def test_revisions_do_not_change_after_they_were_given_out() -> None:
    script = Script().chunk(event("a")).wait(61).chunk(event("b")).wait(61)
    outcome = script.run(summarize)
    early = next(each for each in outcome.outputs["hours"] if each.group == "all" and each.pane_index == 0)
    assert (early.parts["all"].orders, early.parts["all"].items) == (1, 2)


def test_late_orders_update_their_own_window_once_and_no_other() -> None:
    script = Script().chunk(event("a"), event("b", seconds=300)).watermark(600)
    script.chunk(event("c", seconds=299, published=610), event("d", seconds=300, published=610)).wait(61)
    outcome = script.chunk(event("e", seconds=900)).run(summarize)
    assert last_panes(outcome, "windows") == {0: 2, 300: 2, 900: 1}
    assert [each for each in panes(outcome) if each[2] == "late"] == [(0, 2, "late", 2), (300, 2, "late", 2)]


def test_an_order_that_is_too_late_is_counted_and_in_no_metric() -> None:
    script = Script().chunk(event("in time", published=7_499.999), event("too late", published=7_500))
    outcome = script.chunk(event("a")).run(summarize)
    assert last_panes(outcome, "windows") == {0: 2}
    assert last_panes(outcome, "hours") == {0: 2}
    assert outcome.counters["orders_too_late"] == 1


def test_an_order_of_the_last_moment_is_not_lost_when_the_watermark_has_gone_on() -> None:
    script = Script().chunk(event("a")).watermark(7_500).chunk(event("b", published=7_499)).wait(10)
    outcome = script.watermark(7_500 + 299).run(summarize)
    assert last_panes(outcome, "windows") == {0: 2}
    assert last_panes(outcome, "hours") == {0: 2}
    assert "orders_too_late" not in outcome.counters


def test_a_late_pane_that_waits_when_the_stream_ends_is_not_lost() -> None:
    outcome = Script().chunk(event("a")).watermark(300).chunk(event("b", published=301)).run(summarize)
    assert panes(outcome)[-1] == (0, 2, "late", 2)


def test_hours_are_the_sum_of_their_windows() -> None:
    orders = [event(f"e{number}", seconds=number * 97) for number in range(80)]
    script = Script()
    for start in range(0, 80, 20):
        script.chunk(*orders[start : start + 20]).watermark((start + 19) * 97)
    script.chunk(event("late", seconds=700, published=7_700)).wait(61)
    outcome = script.run(summarize)
    windows, hours = last_panes(outcome, "windows"), last_panes(outcome, "hours")
    assert sum(windows.values()) == 81
    assert hours == {
        hour: sum(orders for start, orders in windows.items() if hour <= start < hour + 3_600)
        for hour in (0, 3_600, 7_200)
    }


def test_an_old_backlog_is_judged_on_time_although_the_clock_is_far_ahead() -> None:
    script = Script().wait(86_400).chunk(event("a")).wait(61).chunk(event("b")).watermark(300)
    assert [each[2:] for each in panes(script.run(summarize))] == [("early", 1), ("early", 2), ("on_time", 2)]


def test_a_batch_has_one_pane_and_calls_it_on_time() -> None:
    outcome = run_batch([[event("a"), event("b", seconds=300)], [event("c")]], summarize_files)
    assert panes(outcome) == [(0, 0, "on_time", 2), (300, 0, "on_time", 1)]
    assert panes(outcome, "hours") == [(0, 0, "on_time", 3)]
