"""What lies in the stack's bucket: lakes, and the archive."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow.parquet
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from local.stack import Stack

_READ_AT_ONCE = 4


class Bucket:
    """Objects of a stack by `gs://` address."""

    def __init__(self, stack: Stack) -> None:
        self._client = storage.Client(
            project=stack.environment["GOOGLE_CLOUD_PROJECT"],
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": stack.environment["STORAGE_EMULATOR_HOST"]},
        )
        self._lines: dict[str, int] = {}

    def archived_messages(self, folder: str) -> int:
        """How many lines all the archive's objects have."""
        for blob in self._blobs(folder):
            if blob.name not in self._lines:
                data = gzip.decompress(blob.download_as_bytes(raw_download=True))
                self._lines[blob.name] = len(data.splitlines())
        return sum(self._lines.values())

    def lake_rows(self, root: str) -> list[dict[str, Any]]:
        """Every row of every Parquet file, with the folder of its file as the column `partition_path`."""
        with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
            files = pool.map(_rows, self._blobs(f"{root}/processed"))
            return [row for rows in files for row in rows]

    def _blobs(self, folder: str) -> Iterator[storage.Blob]:
        bucket, _, prefix = folder.removeprefix("gs://").partition("/")
        return iter(self._client.list_blobs(bucket, prefix=f"{prefix}/"))


def _rows(blob: storage.Blob) -> list[dict[str, Any]]:
    file = pyarrow.parquet.ParquetFile(io.BytesIO(blob.download_as_bytes()))
    partition_path = blob.name.rpartition("/")[0].partition("/processed/")[2]
    return [{**row, "partition_path": partition_path} for row in file.read().to_pylist()]
