"""The figures as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from benchmarks.anomalies.peers import PEERS, Peer, alerts_of
from benchmarks.anomalies.play import Played
from benchmarks.anomalies.scenario import RECIPES
from benchmarks.anomalies.score import ANY, KindScore, Told, added, belongs, score
from pipeline.rfc3339 import format_rfc3339

ALL_KINDS = tuple(RECIPES)
IN_WINDOWS = tuple(kind for kind in RECIPES if kind != "stock_out")
"""The kinds that show in order metrics and ledger, which is all that the peers see."""

Alerts = Callable[[Played], Sequence[Told]]


def tables(scored: Sequence[Played], tuned_on: Sequence[Played], window_us: int) -> Iterator[str]:
    """Our detection by kind, what it got wrong, and all sides beside each other."""
    days = sum(each.scenario.days for each in scored)
    yield f"{days} days of {len(scored)} seeds, windows of {window_us // 1_000_000} s"
    yield ""
    yield (
        f"{'incident':<14}{'number':>7}{'found':>7}{'recall':>8}{'alerts':>8}{'right':>7}{'precision':>11}"
        f"{'false a day':>13}{'windows':>9}"
    )
    for line in score_all(scored, lambda played: played.alerts, ALL_KINDS, window_us):
        yield (
            f"{line.kind:<14}{line.incidents:>7}{line.found:>7}{line.recall:>8.3f}{line.alerts:>8}"
            f"{line.right:>7}{line.precision:>11.3f}{line.false_a_day:>13.3f}{line.median_windows:>9.1f}"
        )
    for played in scored:
        yield from _faults(played, window_us)
    yield ""
    yield f"{'kinds of orders and ledger':<46}{'precision':>10}{'recall':>8}{'F1':>7}{'false a day':>13}"
    for name, alerts in _sides(tuned_on, window_us):
        line = score_all(scored, alerts, IN_WINDOWS, window_us)[-1]
        yield f"{name:<46}{line.precision:>10.3f}{line.recall:>8.3f}{line.f1:>7.3f}{line.false_a_day:>13.3f}"


def score_all(
    scored: Sequence[Played], alerts: Alerts, kinds: Sequence[str], window_us: int
) -> list[KindScore]:
    """A line per kind and one for all, of all seeds together."""
    return added(
        [
            score(
                played.incidents,
                [alert for alert in alerts(played) if alert.looks_like in {*kinds, ANY}],
                kinds,
                played.scenario.days,
                window_us,
            )
            for played in scored
        ]
    )


def _sides(tuned_on: Sequence[Played], window_us: int) -> Iterator[tuple[str, Alerts]]:
    yield "ours", lambda played: played.alerts
    yield "ours, promotions not announced", lambda played: played.alerts_without_calendar
    for peer in PEERS:
        thresholds = {"default": peer.default}
        if tuned_on:
            thresholds["best on the tuning seeds"] = _best(peer, tuned_on, window_us)
        for which, threshold in thresholds.items():
            yield f"{peer.name}, {threshold:g} ({which})", _alerts_of_peer(peer, threshold, window_us)


def _alerts_of_peer(peer: Peer, threshold: float, window_us: int) -> Alerts:
    """A peer is told of the promotions by leaving out what it says of them."""

    def alerts(played: Played) -> list[Told]:
        return [
            alert
            for alert in alerts_of(peer, threshold, played.windows, window_us)
            if not any(
                each.start_us < alert.end_us and alert.start_us < each.end_us for each in played.promotions
            )
        ]

    return alerts


def _best(peer: Peer, tuned_on: Sequence[Played], window_us: int) -> float:
    def f1(threshold: float) -> float:
        alerts = _alerts_of_peer(peer, threshold, window_us)
        return score_all(tuned_on, alerts, IN_WINDOWS, window_us)[-1].f1

    return max(peer.thresholds, key=f1)


def _faults(played: Played, window_us: int) -> Iterator[str]:
    """What was missed, and what was told of nothing: to be looked at."""
    seed = played.scenario.seed
    for incident in played.incidents:
        if not any(belongs(alert, incident, window_us) for alert in played.alerts):
            yield f"  seed {seed}: missed {incident.kind} at {format_rfc3339(incident.start_us)}"
    for alert in played.alerts:
        if not any(belongs(alert, incident, window_us) for incident in played.incidents):
            yield f"  seed {seed}: false {alert.kind} of {alert.metric} at {format_rfc3339(alert.start_us)}"
