"""Writing one object so that readers see all of it or nothing, on GCS or in a local folder."""

from __future__ import annotations

import os
import secrets
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache

from google.api_core.exceptions import Forbidden, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from pipeline.errors import PipelineError

UPLOAD_TIMEOUT_SECONDS = 60.0
WRITES_AT_ONCE = 4
"""Each holds an object in memory."""
_RETRY = DEFAULT_RETRY.with_delay(initial=0.25, maximum=32.0, multiplier=1.5)
"""Doubled each time, as by default, the next wait could be twice as long as the outage so far."""


class BucketNotWritable(PipelineError):
    """The bucket does not exist or may not be written to."""


def write_object(path: str, data: bytes) -> None:
    """Write `data` to `path`, `gs://bucket/name` or a local path, replacing what is there.

    GCS shows an object only once its upload is complete, so it needs no temporary name; a local file is
    written under one and renamed. docs/adr/0007-no-temporary-objects.md
    Raises BucketNotWritable, or what the client raises once its own retries have run out.
    """
    if path.startswith("gs://"):
        _upload(path, data)
    else:
        _write_file(path, data)


class ObjectWriter:
    """Writes the objects of one bundle while the bundle goes on: an upload, or a disk, takes its time."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(WRITES_AT_ONCE, thread_name_prefix="write-object")
        self._under_way: deque[Future[None]] = deque()

    def write(self, path: str, data: bytes) -> None:
        """Begin what `write_object` does, once fewer than WRITES_AT_ONCE are under way.

        Raises what an earlier one has raised.
        """
        if len(self._under_way) == WRITES_AT_ONCE:
            self._under_way.popleft().result()
        self._under_way.append(self._threads.submit(write_object, path, data))

    def finish(self) -> None:
        """Wait until all are written; raises what one of them has raised. Nothing can be written after it."""
        with self._threads:
            while self._under_way:
                self._under_way.popleft().result()


def _upload(path: str, data: bytes) -> None:
    bucket, _, name = path.removeprefix("gs://").partition("/")
    try:
        storage_client().bucket(bucket).blob(name).upload_from_string(
            data,
            content_type="application/octet-stream",
            timeout=UPLOAD_TIMEOUT_SECONDS,
            checksum="crc32c",
            retry=_RETRY,
        )
    except NotFound as error:
        raise BucketNotWritable(f"bucket gs://{bucket} does not exist: create it, or name another") from error
    except Forbidden as error:
        raise BucketNotWritable(
            f"bucket gs://{bucket} refuses this account: grant it roles/storage.objectUser"
        ) from error


def _write_file(path: str, data: bytes) -> None:
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}")
    try:
        with open(temporary, "wb") as sink:
            sink.write(data)
            sink.flush()
            os.fsync(sink.fileno())
        os.replace(temporary, path)
    except OSError:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


@lru_cache(maxsize=1)
def storage_client() -> storage.Client:
    """Return this process's client of Cloud Storage, or of the emulator that STORAGE_EMULATOR_HOST names."""
    if os.environ.get("STORAGE_EMULATOR_HOST"):
        # Otherwise the client looks for credentials and a metadata server first.
        return storage.Client(project="local", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    return storage.Client()
