"""Beam's stock detectors, and a fixed threshold, on the windows that the pipeline measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.ml.anomaly.detectors.iqr import IQR
from apache_beam.ml.anomaly.detectors.robust_zscore import RobustZScore
from apache_beam.ml.anomaly.detectors.zscore import ZScore

from benchmarks.anomalies.play import Window
from benchmarks.anomalies.score import ANY, Told

COOLDOWN_WINDOWS = 3
"""As the pipeline's: windows in a row without a breach that end an alert."""
WARMUP_WINDOWS = 12
FIRST_DAYS = 14
"""Of which the fixed threshold takes its medians."""

Breaching = Callable[[Sequence[float], float], Iterator[bool]]
"""(values, threshold) -> whether each of them breaches."""


class Peer(NamedTuple):
    """Another way to find anomalies."""

    name: str
    default: float
    """The threshold its documentation or our judgement gives it."""
    thresholds: tuple[float, ...]
    """Those of which the best on the tuning seeds is taken as well."""
    breaching: Breaching


def _stock(detector: type[Any]) -> Breaching:
    def breaching(values: Sequence[float], threshold: float) -> Iterator[bool]:
        judge = detector()
        for seen, value in enumerate(values):
            row = beam.Row(value=value)
            score = judge.score_one(row)
            judge.learn_one(row)
            known = score is not None and not math.isnan(score) and seen >= WARMUP_WINDOWS
            yield bool(known and abs(score) >= threshold)

    return breaching


def _fixed(values: Sequence[float], threshold: float) -> Iterator[bool]:
    usual = median(values[: FIRST_DAYS * 288])
    for value in values:
        yield value > usual * threshold or value < usual / threshold


PEERS = (
    Peer("Beam ZScore", 3.0, (3.0, 4.0, 5.0, 6.0, 8.0), _stock(ZScore)),
    Peer("Beam RobustZScore", 3.0, (3.0, 4.0, 5.0, 6.0, 8.0, 12.0), _stock(RobustZScore)),
    Peer("Beam IQR", 1.5, (1.5, 2.0, 3.0, 4.0, 6.0), _stock(IQR)),
    Peer("fixed threshold", 3.0, (2.0, 3.0, 4.0, 6.0, 8.0), _fixed),
)


def alerts_of(peer: Peer, threshold: float, windows: Sequence[Window], window_us: int) -> list[Told]:
    """What a peer tells of: each row of breaching windows of one metric is one alert.

    A peer does not say whether a window is a spike or a drop: its alerts may tell of any incident.
    """
    series: dict[str, list[tuple[int, float]]] = {
        "order_count": [(each.start_us, each.orders) for each in windows],
        "revenue": [(each.start_us, each.revenue) for each in windows if each.revenue is not None],
        "average_order_value": [
            (each.start_us, each.revenue / each.orders) for each in windows if each.revenue is not None
        ],
        "validity_rate": [(each.start_us, each.validity) for each in windows if each.validity is not None],
    }
    told: list[Told] = []
    for metric, points in series.items():
        breaching = peer.breaching([value for _, value in points], threshold)
        breached = [start_us for (start_us, _), breaches in zip(points, breaching, strict=True) if breaches]
        kind = "low_validity" if metric == "validity_rate" else ANY
        told += [
            Told(kind, metric, start_us, start_us + window_us) for start_us in _openings(breached, window_us)
        ]
    return told


def _openings(breached: Iterable[int], window_us: int) -> Iterator[int]:
    last_us = None
    for start_us in breached:
        if last_us is None or start_us - last_us > COOLDOWN_WINDOWS * window_us:
            yield start_us
        last_us = start_us
