"""The flags, and every check that can be made before anything starts."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from generator import flag_types
from generator.incidents import KINDS, Incident
from generator.instants import SECOND_US, instant_us
from generator.noise import LARGEST_SPREAD
from generator.pacing import now_us
from generator.plan import Plan, Rates
from generator.vocabulary import ACTIVITY, EVENT_TYPES, INVENTORY, Vocabulary
from pipeline.errors import UsageError

DEFAULT_START = "2025-01-06T09:00:00Z"
"""A Monday morning: fixed, so that a seed alone decides what is written to a file."""
LIVE_AMPLITUDE, FILE_AMPLITUDE = 0.0, 0.6
LATE_SHARE = 0.01
_TOPIC = re.compile(r"projects/[^/\s]+/topics/[^/\s]+")


@dataclass(frozen=True)
class Options:
    """What the flags say, checked."""

    plan: Plan
    to: str
    topic: str
    path: Path | None
    seconds: float | None
    events: int | None
    labels: Path | None
    manifest: Path | None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see python -m generator --help).")


def parse_options(arguments: Sequence[str], words: Vocabulary) -> Options:
    """Read the flags; raises UsageError with one sentence for whatever is wrong."""
    flags = _parser().parse_args(arguments)
    live = flags.to == "pubsub"
    if live and not _TOPIC.fullmatch(flags.topic):
        raise UsageError(f"--to=pubsub needs --topic=projects/PROJECT/topics/TOPIC, not {flags.topic!r}.")
    if flags.to == "jsonl" and flags.path is None:
        raise UsageError("--to=jsonl needs --path, the file to write.")
    if flags.to != "jsonl" and flags.path is not None:
        raise UsageError(f"--path belongs to --to=jsonl, but --to is {flags.to}.")
    for name, path in (("--path", flags.path), ("--labels", flags.labels), ("--manifest", flags.manifest)):
        if path is not None and (path.is_dir() or not path.parent.is_dir()):
            raise UsageError(f"{name}={path} is not a file in a folder that exists.")
    seconds = flags.seconds if flags.events is not None or flags.seconds is not None else 60.0
    if seconds is not None:
        for incident in flags.incident:
            if incident.start_us >= seconds * SECOND_US:
                raise UsageError(f"--incident={incident.kind} starts after the run's {seconds:g} s are over.")
    _check_incidents(flags.incident, flags.event_types)
    plan = _plan(flags, live)
    _check_shares(plan, words)
    return Options(
        plan, flags.to, flags.topic, flags.path, seconds, flags.events, flags.labels, flags.manifest
    )


def _plan(flags: argparse.Namespace, live: bool) -> Plan:
    now = now_us()
    start_us = flags.start if flags.start is not None else now if live else instant_us(DEFAULT_START)
    if live and start_us > now:
        raise UsageError(
            "--start lies in the future, where --to=pubsub cannot publish; leave it out for now."
        )
    amplitude = LIVE_AMPLITUDE if live else FILE_AMPLITUDE
    late_share = flags.late_share
    if late_share is None:
        late_share = 0.0 if flags.event_types == (INVENTORY,) else LATE_SHARE
    return Plan(
        start_us=start_us,
        seed=flags.seed,
        rate=flags.rate,
        event_types=flags.event_types,
        customers=flags.customers,
        products=flags.products,
        warehouses=flags.warehouses,
        order_seconds=flags.order_seconds,
        rhythm_amplitude=amplitude if flags.rhythm_amplitude is None else flags.rhythm_amplitude,
        weekly_amplitude=amplitude if flags.weekly_amplitude is None else flags.weekly_amplitude,
        noise=flags.noise,
        malformed_share=flags.malformed_share,
        duplicate_share=flags.duplicate_share,
        late_share=late_share,
        old_version_share=flags.old_version_share,
        incidents=tuple(flags.incident),
        lag_us=now - start_us if live else 0,
    )


def _check_incidents(incidents: Sequence[Incident], event_types: Sequence[str]) -> None:
    for number, incident in enumerate(incidents):
        shows_in = KINDS[incident.kind].affects["event_types"]
        if not set(shows_in) & set(event_types):
            raise UsageError(
                f"--incident={incident.kind} shows only in events of type {' or '.join(shows_in)}, "
                "which --event_types leaves out."
            )
        if incident in incidents[:number]:
            raise UsageError(f"--incident={incident.kind} is given twice with the same times and factor.")


def _check_shares(plan: Plan, words: Vocabulary) -> None:
    if plan.old_version_share and ACTIVITY not in plan.event_types:
        raise UsageError("--old_version_share is of user activity, which --event_types leaves out.")
    if plan.old_version_share and not words.activity.earlier_versions:
        raise UsageError(
            "--old_version_share needs earlier versions of user_activity; schemas.json declares none."
        )
    malformed, duplicates = plan.malformed_share, plan.duplicate_share
    if malformed + 2 * duplicates > 1:
        raise UsageError(
            f"--malformed_share={malformed:g} plus twice --duplicate_share={duplicates:g} is above 1: "
            "too few valid events are left to repeat."
        )
    if Rates.of(plan, len(words.statuses)).late_probability > 1:
        raise UsageError(
            "--late_share is too large: only new orders and user activity come late"
            + (", half of what is valid." if plan.event_types == EVENT_TYPES else ".")
        )


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m generator",
        description="Simulate a web shop and write or publish its events; same seed, same bytes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="incident kinds, with the FACTOR each takes:\n"
        + "\n".join(
            f"  {name}: {kind.summary} ({kind.factor_is}; default {kind.default_factor:g})"
            for name, kind in KINDS.items()
        ),
        allow_abbrev=False,
    )
    add = parser.add_argument
    positive = flag_types.number(float, "a number above 0", lambda value: 0 < value < math.inf)
    share = flag_types.number(float, "a share from 0 to 1", lambda value: 0 <= value <= 1)
    spread = flag_types.number(
        float, f"a number from 0 to {LARGEST_SPREAD:g}", lambda value: 0 <= value <= LARGEST_SPREAD
    )
    add(
        "--to",
        choices=("pubsub", "jsonl", "stdout"),
        default="stdout",
        help="where to (default: %(default)s)",
    )
    add(
        "--topic",
        default=os.environ.get("INPUT_TOPIC", ""),
        help="projects/PROJECT/topics/TOPIC for --to=pubsub (default: $INPUT_TOPIC)",
    )
    add("--path", type=Path, help="file for --to=jsonl, replaced if it exists; compressed if it ends in .gz")
    add(
        "--rate",
        type=positive,
        default=420.0,
        help="messages per second, the week's mean (default: %(default)g)",
    )
    add(
        "--event_types",
        type=flag_types.event_types,
        default=EVENT_TYPES,
        metavar="TYPE[,TYPE]",
        help="make only these events, and --rate of them per second "
        f"(default: all, that is {','.join(EVENT_TYPES)})",
    )
    add("--seconds", type=positive, help="stop after so many seconds (default: 60, without --events)")
    add("--events", type=flag_types.whole(1, 10**12), help="stop after so many messages, duplicates included")
    add(
        "--seed",
        type=flag_types.whole(0, 2**63),
        default=1,
        help="decides everything that is random (default: %(default)s)",
    )
    add(
        "--start",
        type=flag_types.start,
        help=f"RFC 3339 time at which the simulation starts (default: {DEFAULT_START}; for pubsub: now)",
    )
    add(
        "--customers",
        type=flag_types.whole(1, 100_000_000),
        default=5_000,
        help="registered users (default: %(default)s)",
    )
    add(
        "--products",
        type=flag_types.whole(1, 100_000),
        default=500,
        help="products of the catalogue (default: %(default)s)",
    )
    add("--warehouses", type=flag_types.whole(1, 99), default=3, help="warehouses (default: %(default)s)")
    add(
        "--order_seconds",
        type=positive,
        default=60.0,
        help="mean seconds from pending to delivered on an average day (default: %(default)g)",
    )
    add(
        "--rhythm_amplitude",
        type=share,
        help="how much the hour of day (UTC) sways the rate, from 0 (level) to 1 "
        f"(default: {FILE_AMPLITUDE:g}; for pubsub: {LIVE_AMPLITUDE:g})",
    )
    add(
        "--weekly_amplitude",
        type=share,
        help="how much the day of the week (UTC) sways the rate, from 0 (level) to 1 (Wednesday 0.78, "
        f"weekend 1.25 times the mean) (default: {FILE_AMPLITUDE:g}; for pubsub: {LIVE_AMPLITUDE:g})",
    )
    add(
        "--noise",
        type=spread,
        default=0.0,
        help="by how much the rates of orders and visitors wander from half-hour to half-hour and from "
        f"day to day: relative standard deviation, from 0 to {LARGEST_SPREAD:g} (default: %(default)g)",
    )
    add("--malformed_share", type=share, default=0.02, help="share of broken messages (default: %(default)g)")
    add(
        "--duplicate_share",
        type=share,
        default=0.01,
        help="share of repeated messages (default: %(default)g)",
    )
    add(
        "--late_share",
        type=share,
        help="share of valid messages whose event is 310 s to 1 h old; movements of stock never are "
        f"(default: {LATE_SHARE:g}; for --event_types=inventory: 0)",
    )
    add(
        "--old_version_share",
        type=share,
        default=0.0,
        help="share of the intact user activity that apps of earlier schema versions send "
        "(default: %(default)g)",
    )
    add(
        "--incident",
        type=flag_types.incident,
        action="append",
        default=[],
        metavar="KIND@START+DURATION[xFACTOR]",
        help="something out of the ordinary, such as order_spike@30s+15sx5, START after the run's start; "
        "may be given more than once",
    )
    add("--labels", type=Path, help="file for the incidents that happened, one JSON object a line")
    add("--manifest", type=Path, help="file for the counts of what was published, one JSON object")
    return parser
