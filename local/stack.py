"""The laptop stack: what is started, in which order, and how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Self

from local.child import free_ports
from local.errors import StackError
from local.names import DEFAULT_PROJECT, Names
from local.resources import create_bucket, create_dataset, create_pubsub_resources
from local.services import (
    AlertingFunction,
    Archiver,
    BigqueryEmulator,
    EmbeddedPubsub,
    OfficialPubsub,
    Service,
    StorageEmulator,
    official_pubsub_script,
)
from local.state import StateFolder
from pipeline.contract import Contract, load_contract

LISTENING_PARTS = ("pubsub", "bigquery", "storage", "function")
PARTS = (*LISTENING_PARTS, "archiver")
PUBSUB_KINDS = ("embedded", "official", "auto")

_START_TIMEOUT_SECONDS = 60.0
_END_TIMEOUT_SECONDS = 8.0


class Stack:
    """Emulators with the contract's resources in them; a context manager.

    `with Stack(folder) as stack:` and then `stack.environment` is what a program needs to use it.
    What the warehouse, the buckets and the function keep stays in the folder; Pub/Sub keeps nothing.
    """

    def __init__(
        self,
        state_dir: Path | str,
        *,
        project: str = DEFAULT_PROJECT,
        pubsub: str = "embedded",
        parts: Collection[str] = PARTS,
        ports: Mapping[str, int] | None = None,
        fresh: bool = False,
        report: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Describe a stack.

        `parts` are names of PARTS, the keys of `ports` of LISTENING_PARTS, `pubsub` is one of PUBSUB_KINDS;
        port 0 (the default) means a free one. `fresh` removes what earlier runs left. `report` is told one
        line per part, once it is ready.
        """
        unknown = set(parts) - set(PARTS) | set(ports or {}) - set(LISTENING_PARTS)
        if unknown or pubsub not in PUBSUB_KINDS:
            raise ValueError(f"no such part of the stack: {sorted(unknown) or pubsub}")
        if "archiver" in parts and not {"pubsub", "storage"} <= set(parts):
            raise ValueError("the archiver needs the parts pubsub and storage")
        self.environment: dict[str, str] = {}
        self.state = StateFolder(state_dir)
        self._names = Names(project)
        self._pubsub = pubsub
        self._parts = [part for part in PARTS if part in parts]
        self._ports = dict(ports or {})
        self._fresh = fresh
        self._report = report
        self._services: dict[str, Service] = {}
        self._giving_up = threading.Event()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Start all parts at once and return when their resources are there.

        Raises: StackError, with nothing left running.
        """
        contract = load_contract()
        if self._fresh and self.state.holds_foreign_files():
            raise StackError(
                f"{self.state.path} holds files that no stack made, so --fresh will not empty it: "
                "use another --state."
            )
        self.state.lock()
        try:
            if self._fresh:
                self.state.clear()
            self._start_services()
            self._prepare_services(contract)
            for service in self._services.values():
                self.environment |= service.environment()
            self.environment |= self._names.variables()
            self.state.record(self.environment)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything this stack started. Stopping twice does nothing.

        The archiver ends first, while the others are there: what was published before is then in `raw/`.
        """
        self._giving_up.set()
        archiver = self._services.pop("archiver", None)
        if archiver is not None:
            archiver.ask_to_end()
            archiver.wait_until_ended(_END_TIMEOUT_SECONDS)
        for service in self._services.values():
            service.ask_to_end()
        deadline = time.monotonic() + _END_TIMEOUT_SECONDS
        for service in self._services.values():
            service.wait_until_ended(max(0.0, deadline - time.monotonic()))
        self._services.clear()
        self.environment.clear()
        self.state.unlock()

    def check(self) -> None:
        """Raise PartFailedError, which names it, if a part has ended."""
        for service in self._services.values():
            service.check()

    def service(self, part: str) -> Service:
        """Return the running part of that name, one of PARTS."""
        return self._services[part]

    def _start_services(self) -> None:
        state = self.state
        for folder in (state.logs, state.bigquery, state.storage, state.alerts):
            folder.mkdir(exist_ok=True)
        free = free_ports(len(self._parts))
        for part, free_port in zip(self._parts, free, strict=True):
            self._services[part] = self._service(part, self._ports.get(part) or free_port)
        for service in self._services.values():
            service.start()

    def _service(self, part: str, port: int) -> Service:
        state = self.state
        if part == "pubsub":
            official = self._pubsub == "official" or (
                self._pubsub == "auto" and official_pubsub_script() is not None
            )
            return OfficialPubsub(port, state.logs) if official else EmbeddedPubsub(port, state.logs)
        if part == "bigquery":
            return BigqueryEmulator(port, state.logs, state.bigquery, self._names.project)
        if part == "storage":
            return StorageEmulator(port, state.logs, state.storage)
        if part == "function":
            return AlertingFunction(port, state.logs, state.alerts, self._names)
        return Archiver(state.logs, self._names, self._services["pubsub"], self._services["storage"])

    def _prepare_services(self, contract: Contract) -> None:
        """Wait for each part and create its resources, all parts side by side; first error wins."""
        pool = ThreadPoolExecutor(max_workers=len(self._parts) or 1)
        try:
            pending: set[Future[None]] = {
                pool.submit(self._prepare, part, service, contract)
                for part, service in self._services.items()
            }
            while pending:
                # In short waits, so that a signal's handler gets its turn in this thread.
                done, pending = wait(pending, timeout=0.1, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _prepare(self, part: str, service: Service, contract: Contract) -> None:
        service.wait_until_it_answers(_START_TIMEOUT_SECONDS, self._giving_up.is_set)
        if self._giving_up.is_set():
            return
        if part == "pubsub":
            function = self._services.get("function")
            push_endpoint = function.push_endpoint if isinstance(function, AlertingFunction) else None
            create_pubsub_resources(
                service.address, self._names, push_endpoint, archived="archiver" in self._services
            )
        elif part == "bigquery":
            create_dataset(service.address, self._names, contract)
        elif part == "storage":
            create_bucket(f"http://{service.address}", self._names)
        self._report(f"{service.name:<20} {service.where}")
