"""The parts of the laptop stack: one class per child process."""

from __future__ import annotations

import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from local.archiver import READY
from local.child import HOST, REPOSITORY, ChildProcess, python_module
from local.errors import PartFailedError, StackError
from local.names import ALERTS_TOPIC, ARCHIVE_SUBSCRIPTION, RAW_ARCHIVE, Names


class Service(ChildProcess, ABC):
    """A part of the stack that tells programs through the environment where it is."""

    label: ClassVar[str]

    @property
    def where(self) -> str:
        """What to tell a person who wants to use it."""
        return self.address

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """Return the variables a program needs to use this part."""


class EmbeddedPubsub(Service):
    """Our own Pub/Sub server, in memory."""

    label = "Pub/Sub (embedded)"

    def __init__(self, port: int, logs: Path) -> None:
        """Listen on `port`."""
        command = python_module("local.pubsub_server", "--port", str(port))
        super().__init__(self.label, command, port, logs / "pubsub.log")

    def environment(self) -> dict[str, str]:
        """Return PUBSUB_EMULATOR_HOST."""
        return {"PUBSUB_EMULATOR_HOST": self.address}


class OfficialPubsub(Service):
    """Google's Pub/Sub emulator, in memory, a Java program that gcloud installs."""

    label = "Pub/Sub (official)"

    def __init__(self, port: int, logs: Path) -> None:
        """Listen on `port`. Raises: StackError if the emulator or Java is not installed."""
        script = official_pubsub_script()
        if script is None:
            raise StackError(
                "The official Pub/Sub emulator is not installed: install Java and run `gcloud components "
                "install pubsub-emulator`, or use --pubsub=embedded."
            )
        # Not through gcloud: it takes a second more to start, and leaves Java behind when it is ended.
        command = [str(script), f"--host={HOST}", f"--port={port}"]
        super().__init__(self.label, command, port, logs / "pubsub.log")

    def environment(self) -> dict[str, str]:
        """Return PUBSUB_EMULATOR_HOST."""
        return {"PUBSUB_EMULATOR_HOST": self.address}


class BigqueryEmulator(Service):
    """bqemulator: DuckDB behind BigQuery's REST API, with its data in one file."""

    label = "BigQuery"

    def __init__(self, port: int, logs: Path, data_dir: Path, project: str) -> None:
        """Listen on `port` and keep the data in `data_dir`."""
        command = python_module(
            "local.bigquery_server",
            *("--port", str(port), "--data-dir", str(data_dir), "--project", project),
        )
        super().__init__(self.label, command, port, logs / "bigquery.log")

    def environment(self) -> dict[str, str]:
        """Return BIGQUERY_EMULATOR_HOST."""
        return {"BIGQUERY_EMULATOR_HOST": f"http://{self.address}"}


class StorageEmulator(Service):
    """gcp-storage-emulator: Cloud Storage's JSON API, with its objects as files."""

    label = "Cloud Storage"

    def __init__(self, port: int, logs: Path, data_dir: Path) -> None:
        """Listen on `port` and keep the objects in `data_dir`."""
        command = python_module(
            "local.storage_server",
            *("--data-dir", str(data_dir), "start", "--host", HOST, "--port", str(port), "--quiet"),
        )
        super().__init__(self.label, command, port, logs / "storage.log")

    def environment(self) -> dict[str, str]:
        """Return STORAGE_EMULATOR_HOST."""
        return {"STORAGE_EMULATOR_HOST": f"http://{self.address}"}


class AlertingFunction(Service):
    """The Cloud Function, in the server that runs it in the cloud."""

    label = "Alerting function"

    def __init__(self, port: int, logs: Path, alerts_dir: Path, names: Names) -> None:
        """Listen on `port`; deliver to the log and to a file in `alerts_dir`."""
        self._alert_log = alerts_dir / "alerts.jsonl"
        self._names = names
        variables: Mapping[str, str] = {
            "ALERT_CHANNELS": "console,file",
            "ALERT_FILE": str(self._alert_log),
            "ALERT_STATE": str(alerts_dir / "delivered"),
            # Both hear of everything: who tries the stack wants to see each state of each alert.
            "CONSOLE_MIN_BREACHES": "1",
            "FILE_MIN_BREACHES": "1",
        }
        command = python_module(
            "functions_framework",
            *("--source", str(REPOSITORY / "functions" / "alerting" / "main.py")),
            *("--target", "deliver_alert", "--signature-type", "cloudevent"),
            *("--host", HOST, "--port", str(port)),
        )
        super().__init__(self.label, command, port, logs / "function.log", variables)

    @property
    def push_endpoint(self) -> str:
        """Where Pub/Sub delivers alerts; functions-framework reads the topic from the path."""
        return f"http://{self.address}/{self._names.topic(ALERTS_TOPIC)}"

    def environment(self) -> dict[str, str]:
        """Return ALERT_LOG, the file of delivered alerts, and FUNCTION_URL."""
        return {"ALERT_LOG": str(self._alert_log), "FUNCTION_URL": self.push_endpoint}


class Archiver(Service):
    """Writes what the events topic gets into `raw/` of the bucket; it listens on no port."""

    label = "Raw archive"

    def __init__(self, logs: Path, names: Names, pubsub: Service, bucket: Service) -> None:
        """Read from `pubsub` and write to `bucket`."""
        self._subscription = names.subscription(ARCHIVE_SUBSCRIPTION)
        command = python_module("local.archiver", "--subscription", self._subscription, "--to", RAW_ARCHIVE)
        variables = pubsub.environment() | bucket.environment()
        super().__init__(self.label, command, 0, logs / "archiver.log", variables)

    @property
    def where(self) -> str:
        """The folder."""
        return f"{RAW_ARCHIVE}/"

    def wait_until_it_answers(self, timeout_seconds: float, given_up: Callable[[], bool]) -> None:
        """Return once it would hear SIGTERM, and so archive everything before it ends."""
        deadline = time.monotonic() + timeout_seconds
        while not given_up() and READY not in self.log_path.read_text(errors="replace"):
            self.check()
            if time.monotonic() > deadline:
                raise PartFailedError(
                    f"{self.name} has not started after {timeout_seconds:g} s.{self.log_tail()}"
                )
            time.sleep(0.03)

    def environment(self) -> dict[str, str]:
        """Return ARCHIVE_SUBSCRIPTION, which is its alone, and RAW_ARCHIVE, the folder."""
        return {"ARCHIVE_SUBSCRIPTION": self._subscription, "RAW_ARCHIVE": RAW_ARCHIVE}


def official_pubsub_script() -> Path | None:
    """Return the official emulator's start script, or None where it or Java is not installed."""
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        return None
    sdk = Path(gcloud).resolve().parent.parent
    script = sdk / "platform" / "pubsub-emulator" / "bin" / "cloud-pubsub-emulator"
    return script if script.is_file() else None
