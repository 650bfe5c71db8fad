"""The whole graph live on this machine: rate, latency and CPU, beside Beam's own Pub/Sub read.

    python -m benchmarks.live [--seconds 30] [--repetitions 3] [--windows demo|default] [--json FILE]
    python -m benchmarks.live --only profile

Scenarios, interleaved, each on a fresh laptop stack (Pub/Sub, BigQuery and Cloud Storage emulators and
the alerting function, all on the same cores), with the demo's shares of malformed, duplicate and late events:

- paced: the generator publishes 420 events/s (10,000 orders a minute) while the pipeline reads;
- stock: the same with Beam's own read, `--runner=DirectRunner`, for as long;
- rate: the generator publishes at each of --rates. It is sustained if p95 from publish to row is below 1 s;
- backlog: --backlog events are published first, then the pipeline alone reads them, to the end of everything;
- profile: the graph inside one process on prepared chunks, CPU by step.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.live_profile import Profile, prepared_messages, profile
from benchmarks.live_run import LiveRun, pipeline_command, run_backlog, run_paced, run_stock
from local.demo import EVENTS_PER_SECOND
from local.stack import LISTENING_PARTS, Stack

SCENARIOS = ("paced", "stock", "rate", "backlog", "profile")
SUSTAINED_P95_MS = 1_000
PROFILED_STEPS = 12


def main() -> None:
    """Measure and print."""
    flags = _parser().parse_args()
    print(f"{os.cpu_count()} cores, load average before: {os.getloadavg()[0]:.1f}", flush=True)
    runs: dict[str, list[LiveRun]] = defaultdict(list)
    profiles: dict[int, list[Profile]] = defaultdict(list)
    for _ in range(flags.repetitions):
        if "paced" in flags.only:
            _show("paced", run_paced(flags.windows, EVENTS_PER_SECOND, flags.seconds), runs)
        if "stock" in flags.only:
            _show("stock", run_stock(flags.windows, EVENTS_PER_SECOND, flags.seconds), runs)
        for rate in flags.rates if "rate" in flags.only else ():
            _show(f"rate {rate:,}", run_paced(flags.windows, rate, flags.seconds), runs)
        if "backlog" in flags.only:
            _show("backlog", run_backlog(flags.windows, flags.backlog), runs)
    if "profile" in flags.only:
        profiles = _profiles(flags.windows, flags.chunks, flags.profile_events, flags.repetitions)
    _report_runs(runs)
    for of_one_size in profiles.values():
        _report_profile(_middle(of_one_size))
    if flags.json:
        _write_json(flags.json, runs, profiles)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.live",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=30, help="of publishing (default: %(default)g)")
    parser.add_argument("--repetitions", type=int, default=3, help="default: %(default)s")
    parser.add_argument(
        "--windows",
        choices=("demo", "default"),
        default="demo",
        help="the demo's windows of 5 s, or the pipeline's defaults (default: %(default)s)",
    )
    parser.add_argument("--rates", type=int, nargs="+", default=[1_000, 1_400], help="events/s to sustain")
    parser.add_argument("--backlog", type=int, default=40_000, help="events (default: %(default)s)")
    parser.add_argument("--chunks", type=int, nargs="+", default=[20, 100, 500], help="messages in a chunk")
    parser.add_argument("--profile_events", type=int, default=5_000, help="default: %(default)s")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=SCENARIOS, help="scenarios to run")
    parser.add_argument("--json", type=Path, help="file for every single figure")
    return parser


def _show(name: str, run: LiveRun, runs: dict[str, list[LiveRun]]) -> None:
    """Keep a run, and print it at once: the whole takes minutes."""
    runs[name].append(run)
    print(
        f"{name:12} {run.rate:7,.0f} events/s   p50 {run.latency_ms['p50']:7,.0f} ms   "
        f"p95 {run.latency_ms['p95']:7,.0f} ms   pipeline {run.cpu_us['pipeline']:6,.0f} µs CPU an event",
        flush=True,
    )


def _report_runs(runs: dict[str, list[LiveRun]]) -> None:
    for name, repeated in runs.items():
        latency = {
            key: statistics.median(run.latency_ms[key] for run in repeated) for key in ("p50", "p95", "p99")
        }
        cpu = {key: statistics.median(run.cpu_us[key] for run in repeated) for key in repeated[0].cpu_us}
        print(f"\n{name}: medians of {len(repeated)}")
        print(f"  {statistics.median(run.rate for run in repeated):,.0f} events/s")
        if name != "backlog":  # there, latency is mostly the time before the pipeline was started
            print("  latency " + ", ".join(f"{key} {value:,.0f} ms" for key, value in latency.items()))
        if name.startswith("rate"):
            print(f"  sustained: {'yes' if latency['p95'] < SUSTAINED_P95_MS else 'no'}")
        print("  µs CPU an event: " + ", ".join(f"{key} {value:,.0f}" for key, value in cpu.items()))
    if "backlog" in runs and "stock" in runs:
        ratios = [live.rate / stock.rate for live, stock in zip(runs["backlog"], runs["stock"], strict=True)]
        print(f"\nlive read / stock read, events/s: {statistics.median(ratios):.0f}")


def _profiles(windows: str, chunks: list[int], events: int, repetitions: int) -> dict[int, list[Profile]]:
    profiles: dict[int, list[Profile]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name, Stack(Path(name) / "state", parts=LISTENING_PARTS) as stack:
        os.environ.update(stack.environment)
        pipeline_flags = pipeline_command(stack.environment, windows)[3:]
        profile(prepared_messages(500, EVENTS_PER_SECOND), 100, pipeline_flags)  # connections and caches
        for _ in range(repetitions):
            for size in chunks:
                messages = prepared_messages(events, EVENTS_PER_SECOND)
                profiles[size].append(profile(messages, size, pipeline_flags))
    return profiles


def _middle(profiles: list[Profile]) -> Profile:
    """The run with the median CPU: its steps add up, as medians of steps would not."""
    return sorted(profiles, key=lambda each: each.worker_ns + each.other_ns)[len(profiles) // 2]


def _report_profile(profiled: Profile) -> None:
    chunks = profiled.events / profiled.chunk_messages
    work_ns = sum(cost.work_ns for cost in profiled.steps.values())
    bundles_ns = sum(cost.total_ns for cost in profiled.steps.values()) - work_ns

    def us(ns: float) -> float:
        return ns / profiled.events / 1_000

    print(f"\nprofile: chunks of {profiled.chunk_messages}, µs CPU an event")
    print(f"  {us(profiled.worker_ns + profiled.other_ns):7.1f} in all")
    print(f"  {us(work_ns):7.1f} in elements and timers: our own code, and Beam's windows and triggers")
    print(f"  {us(bundles_ns):7.1f} for having a bundle: copy of the DoFn, set-up, commit, watermarks")
    print(f"  {us(profiled.worker_ns - work_ns - bundles_ns):7.1f} between bundles: scheduling, timers")
    print(f"  {us(profiled.other_ns):7.1f} in other threads: requests to the services")
    print(f"  {'step':62} {'bundles':>8} {'work':>7} {'runner':>7}   µs an event; bundles a chunk")
    by_cost = sorted(profiled.steps.items(), key=lambda item: -item[1].total_ns)
    for name, cost in by_cost[:PROFILED_STEPS]:
        bundles = (cost.bundles + cost.empty_bundles) / chunks
        runner_us = us(cost.total_ns - cost.work_ns)
        print(f"  {name[-62:]:62} {bundles:8.1f} {us(cost.work_ns):7.1f} {runner_us:7.1f}")


def _write_json(path: Path, runs: dict[str, list[LiveRun]], profiles: dict[int, list[Profile]]) -> None:
    figures: dict[str, Any] = {
        "runs": {name: [run._asdict() | {"rate": run.rate} for run in each] for name, each in runs.items()},
        "profiles": {
            size: [
                each._asdict() | {"steps": {name: vars(cost) for name, cost in each.steps.items()}}
                for each in repeated
            ]
            for size, repeated in profiles.items()
        },
    }
    path.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
