"""One run of the generator: from the simulation through the pacing to the sink."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from generator.file_sink import FileSink
from generator.instants import SECOND_US, TimestampText
from generator.labels import Labels
from generator.ledger import Ledger
from generator.messages import Message
from generator.options import Options
from generator.pacing import Pacer, now_us
from generator.plan import Plan
from generator.progress import Progress
from generator.simulation import Simulation
from pipeline.contract import Contract


class Sink(Protocol):
    """Where messages go."""

    hopeless: str
    """Why no further message can be taken; empty while all is well."""

    def send(self, message: Message) -> None:
        """Take one message; may block."""

    def close(self) -> None:
        """Return when every message has been written or has failed."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    ledger: Ledger
    problem: str
    """What stopped the run before its time; empty if nothing did."""


def run(options: Options, contract: Contract, stop: threading.Event) -> Outcome:
    """Send messages until the run is over or `stop` is set, then flush and write labels and manifest.

    Raises UsageError if the sink cannot be opened.
    """
    plan, ledger = options.plan, Ledger()
    sink = _open_sink(options, ledger)
    simulation = Simulation(plan, contract)
    labels, progress = Labels(plan), Progress(ledger, sys.stderr)
    begin_us = plan.start_us + plan.lag_us
    pacer = None
    if options.to == "pubsub":
        # Drawing the shop took a moment: the run begins now, not when the flags were read.
        simulation.postpone(now_us() - begin_us)
        begin_us += simulation.postponed_us
        pacer = Pacer(begin_us, stop)
    end_us = None if options.seconds is None else begin_us + int(options.seconds * SECOND_US)
    sent, last_us, problem = 0, begin_us, ""
    try:
        for message in simulation.messages():
            if end_us is not None and message.publish_us >= end_us:
                last_us = end_us
                break
            if pacer is not None:
                simulation.postpone(pacer.wait_until(message.publish_us))
            if stop.is_set() or sink.hopeless:
                break
            sink.send(message)
            sent, last_us = sent + 1, message.publish_us
            if plan.incidents:
                labels.observe(last_us, simulation.postponed_us)
            progress.show()
            if sent == options.events:
                break
        sink.close()
    except BrokenPipeError:
        _drop_standard_output()  # the reader, head perhaps, has seen enough: a clean end
    except OSError as error:
        problem = f"{options.path or 'standard output'} takes no more: {error.strerror}"
        if options.path is None:
            _drop_standard_output()
    try:
        _write_lines(options.labels, labels.as_dicts(last_us))
        _write_lines(
            options.manifest, [_manifest(plan, ledger, begin_us, last_us, interrupted=stop.is_set())]
        )
    except OSError as error:
        problem = problem or f"{error.filename} cannot be written: {error.strerror}"
    progress.finish(interrupted=stop.is_set())
    return Outcome(ledger, sink.hopeless or problem)


def _open_sink(options: Options, ledger: Ledger) -> Sink:
    if options.to != "pubsub":
        return FileSink(options.path, ledger)
    from generator.pubsub_sink import PubsubSink  # a second to import, and only needed here

    return PubsubSink(options.topic, ledger)


def _manifest(
    plan: Plan, ledger: Ledger, begin_us: int, last_us: int, *, interrupted: bool
) -> dict[str, Any]:
    text = TimestampText()
    return {
        "seed": plan.seed,
        "rate": plan.rate,
        "start": text.of(begin_us),
        "end": text.of(last_us),
        "interrupted": interrupted,
        **ledger.as_dict(),
    }


def _write_lines(path: Path | None, lines: list[dict[str, Any]]) -> None:
    if path is not None:
        path.write_bytes(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines))


def _drop_standard_output() -> None:
    # Else the interpreter flushes what is left into it and complains at exit, with a code of its own.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
