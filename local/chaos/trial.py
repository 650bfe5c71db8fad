"""One scenario with one seed: everything runs, the faults happen, and what came of it is measured."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local.chaos.expected import Expected
from local.chaos.http_proxy import HttpProxy
from local.chaos.inserts import InsertJournal
from local.chaos.outcome import collect
from local.chaos.producer import SECONDS, Producer
from local.chaos.pubsub_proxy import PubsubProxy
from local.chaos.recovery import NEVER, NO_OUTAGE, Times, rows_back_at, times
from local.chaos.scenario import Result, Scenario
from local.chaos.site import Site, rows_of_file
from local.chaos.supervisor import Supervisor
from local.chaos.verdict import Seen, failures
from local.errors import StackError
from local.stack import Stack
from pipeline.contract import Contract

FLOWING_ROWS = 30
LEAST_OUTAGE_SECONDS, MOST_OUTAGE_SECONDS = 3.0, 6.0
SETTLE_SECONDS = 150.0
"""So long after the last fault everything must be acknowledged."""
QUIET_SECONDS = 4.0
"""Without a new row for so long, a pipeline that has acknowledged everything writes none any more."""
PIPELINE_FLAGS: Mapping[str, str | float] = {
    "order_window_seconds": 60,
    "quality_window_seconds": 10,
    "pane_seconds": 10,
    "lake_window_seconds": 2,
}
"""Windows of seconds instead of minutes; fewer of them than in the demo, for the sake of the processor."""


class Trial:
    """What a scenario's `play` may use."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        stack: Stack,
        contract: Contract,
        folder: Path,
        outage_seconds: float | None = None,
    ) -> None:
        """Prepare everything; nothing runs yet but the proxies. Without `outage_seconds` the seed decides."""
        self.scenario, self.seed, self.stack, self.folder = scenario, seed, stack, folder
        self.outage_seconds = outage_seconds
        folder.mkdir(parents=True)
        self.rng = random.Random(f"{scenario.name}:{seed}")
        self.site = Site(stack, f"chaos-{random.SystemRandom().randrange(16**8):08x}", contract)
        self.journal = InsertJournal()
        self.bigquery = HttpProxy(stack.service("bigquery").address, self.journal.observe)
        self.storage = HttpProxy(stack.service("storage").address)
        self.pubsub = PubsubProxy(stack.service("pubsub").address, self.site.subscription)
        self.refused_share = 0.0
        self.expected = Expected(contract, self.is_refused)
        self.lake = folder / "lake" if scenario.pipeline.get("output_bucket") == "folder" else None
        self.supervisor = Supervisor(self._flags(), self._environment(), folder / "pipeline.log")
        producers_way = {} if scenario.faults_in_publishing else stack.service("pubsub").environment()
        self.producer = Producer(
            self._generator_flags(), self._environment() | producers_way, folder / "generator.log"
        )
        self.outages: list[tuple[float, float]] = []
        self._noted = 0
        self._is_broken_off = threading.Event()

    @property
    def faults(self) -> int:
        """Requests and calls that have met a fault so far, and what was noted."""
        return self.bigquery.faults + self.storage.faults + self.pubsub.faults + self._noted

    def note_fault(self) -> None:
        """Count a fault that no proxy can see."""
        self._noted += 1

    def is_refused(self, event_id: str) -> bool:
        """Whether the seed has chosen this event to be one that BigQuery refuses."""
        return random.Random(f"{self.seed}:{event_id}").random() < self.refused_share

    def sleep(self, seconds: float) -> None:
        """Sleep. Raises: StackError if the trial is broken off."""
        if self._is_broken_off.wait(seconds):
            raise StackError("The trial was broken off.")

    def break_off(self) -> None:
        """Let `run`, in another thread, end soon, with nothing left running."""
        self._is_broken_off.set()
        self.producer.end()
        self.supervisor.end()

    def pause(self, least_seconds: float, most_seconds: float) -> None:
        """Sleep for as long as the seed says."""
        self.sleep(self.rng.uniform(least_seconds, most_seconds))

    def outlast(self) -> None:
        """Sleep for as long as an outage is to last."""
        if self.outage_seconds is None:
            self.pause(LEAST_OUTAGE_SECONDS, MOST_OUTAGE_SECONDS)
        else:
            self.sleep(self.outage_seconds)

    def wait_until_met(self) -> None:
        """Wait until the fault of now has met something. Raises: StackError."""
        self.wait_for(lambda: self.faults > 0, 30.0, "Nothing has met the fault")

    @contextmanager
    def outage(self) -> Iterator[threading.Event]:
        """The time between is an outage; yields what tells that it is over."""
        over = threading.Event()
        started_at = time.time()
        try:
            yield over
        finally:
            over.set()
            self.outages.append((started_at, time.time()))

    def wait_until_flowing(self) -> None:
        """Wait until rows are written. Raises: StackError."""
        self.wait_for(lambda: self.journal.count() >= FLOWING_ROWS, 60.0, "No rows are written")

    def wait_for(self, condition: Callable[[], bool], timeout_seconds: float, complaint: str) -> None:
        """Wait until `condition()`. Raises: StackError, which says `complaint`."""
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            if time.monotonic() > deadline:
                raise StackError(f"{complaint} after {timeout_seconds:g} s; see {self.folder}.")
            self.sleep(0.05)

    def has_acknowledged_everything(self) -> bool:
        """Whether every message published so far is acknowledged."""
        self.expected.add(self.site.newly_published())
        return self.expected.messages.keys() <= self.pubsub.acknowledged_at().keys()

    def acknowledged_and_not_written(self) -> int:
        """Messages published so far that Pub/Sub has forgotten and that have no row yet."""
        self.expected.add(self.site.newly_published())
        acknowledged, written = self.pubsub.acknowledged_at(), self.journal.written_at()
        rows = [
            self.expected.row_of(message_id)
            for message_id in self.expected.messages
            if message_id in acknowledged
        ]
        return sum(row is not None and row not in written for row in rows)

    def run(self) -> Result:
        """Play the scenario and measure. Raises: StackError if it cannot even be played."""
        try:
            self.sleep(0)
            self.supervisor.start()
            if self.scenario.publishes:
                if "pubsub_read" not in self.scenario.pipeline:  # the stock read does not say when it reads
                    self.supervisor.wait_until_reading()
                self.producer.start()
            self.scenario.play(self)
            self.producer.finish()
            is_settled = self._settle()
            code = self.supervisor.drain()
            return self._result(is_settled, code)
        finally:
            self.producer.end()
            self.supervisor.end()
            self.bigquery.close()
            self.storage.close()
            self.pubsub.close()
            self.site.close()

    def _settle(self) -> bool:
        """Wait until everything is acknowledged and nothing more is written; False after the time-out."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            if self.has_acknowledged_everything():
                rows = self.journal.count()
                if self._everything_is_written():
                    return True
                self.sleep(QUIET_SECONDS)
                if self.journal.count() == rows:
                    return True
            self.sleep(0.3)
        return False

    def _everything_is_written(self) -> bool:
        written = self.journal.written_at()
        rows = (self.expected.row_of(message_id) for message_id in self.expected.messages)
        return all(row in written for row in rows if row is not None)

    def _result(self, is_settled: bool, drain_code: int) -> Result:
        acknowledged = self.pubsub.acknowledged_at()
        outcome = collect(self.site, self.expected, Counter(self._lake_ids()), acknowledged)
        measured = self._times()
        seen = Seen(
            outcome, self._published(), self.faults, self.supervisor.exit_codes, is_settled, drain_code
        )
        return Result(
            scenario=self.scenario.name,
            seed=self.seed,
            what=self.scenario.what,
            control=self.scenario.control,
            outcome=outcome,
            outage_seconds=measured.outage_seconds,
            recovery_seconds=measured.recovery_seconds,
            all_back_seconds=measured.all_back_seconds,
            exit_codes=self.supervisor.exit_codes,
            faults=seen.faults,
            failures=failures(self.scenario, seen),
        )

    def _published(self) -> int:
        """How many messages those who publish say Pub/Sub has taken."""
        by_generator = self.producer.published()
        return self.site.published if by_generator is None else by_generator

    def _times(self) -> Times:
        if not self.outages or self.scenario.control:
            return NO_OUTAGE
        if self.scenario.recovered_when == "acknowledged":
            acknowledged_at = self.pubsub.acknowledged_at()
            back_at = {each: acknowledged_at.get(each, NEVER) for each in self.expected.messages}
        else:
            back_at = rows_back_at(self.expected, self.journal.written_at())
        return times(self.outages[-1], self.expected, back_at, self.scenario.held_up_seconds)

    def _lake_ids(self) -> Iterator[tuple[str, str]]:
        if self.lake is None:
            yield from self.site.lake_ids()
        else:
            for path in self.lake.glob("processed/**/*.parquet"):
                yield from rows_of_file(str(path), path.read_bytes())

    def _flags(self) -> list[str]:
        flags = {
            "input_subscription": self.site.subscription,
            "output_bucket": self.site.lake,
            "bq_dataset": self.site.dataset,
            "dlq_topic": self.site.dlq_topic,
            "alerts_topic": self.site.alerts_topic,
            **PIPELINE_FLAGS,
            **self.scenario.pipeline,
        }
        if self.lake is not None:
            flags["output_bucket"] = str(self.lake)
        return [f"--{name}={value}" for name, value in flags.items()]

    def _generator_flags(self) -> list[str]:
        flags: dict[str, str | float] = {"seed": self.seed, "topic": self.site.events_topic}
        flags |= self.scenario.generator
        if self.outage_seconds is not None:
            flags["seconds"] = float(flags.get("seconds", SECONDS)) + self.outage_seconds
        return [f"--{name}={value}" for name, value in flags.items()]

    def _environment(self) -> dict[str, str]:
        return {
            "PUBSUB_EMULATOR_HOST": self.pubsub.address,
            "BIGQUERY_EMULATOR_HOST": self.bigquery.url,
            "STORAGE_EMULATOR_HOST": self.storage.url,
            "GOOGLE_CLOUD_PROJECT": self.site.names.project,
        }
