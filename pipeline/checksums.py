"""MD5s of files: by content, not by name, a backfill knows what it has loaded."""

from __future__ import annotations

import hashlib
import logging
import time
from base64 import b64decode
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

from apache_beam.io.gcp.gcsio import create_storage_client
from apache_beam.options.pipeline_options import PipelineOptions
from google.cloud.storage import Client as StorageClient

from pipeline.errors import UsageError, in_one_line
from pipeline.files import InputFile, at_once, open_file

PROGRESS_SECONDS = 10.0
LOGGER = logging.getLogger(__name__)


class FileToLoad(NamedTuple):
    """A file whose content is known by its checksum."""

    file: InputFile
    md5: str
    """In hex; of its bytes as they lie there, compressed or not."""


def take_checksums(files: Collection[InputFile]) -> list[FileToLoad]:
    """The files with their MD5s, in order; those of objects are Cloud Storage's own.

    Raises UsageError if a file cannot be read.
    """
    found: list[FileToLoad] = []
    told = time.monotonic()
    with ThreadPoolExecutor(at_once(file.path for file in files)) as pool:
        for file, md5 in zip(files, pool.map(_md5, files), strict=True):
            found.append(FileToLoad(file, md5))
            if time.monotonic() - told > PROGRESS_SECONDS:
                told = time.monotonic()
                LOGGER.info("MD5s of %s of %s files", f"{len(found):,}", f"{len(files):,}")
    return found


def _md5(file: InputFile) -> str:
    try:
        kept = _md5_of_object(file.path) if file.path.startswith("gs://") else None
        if kept is not None:
            return kept
        with open_file(file.path) as opened:
            return hashlib.file_digest(opened, _new_md5).hexdigest()  # type: ignore[arg-type]
    except Exception as error:  # every file system has errors of its own
        raise UsageError(f"--input_path: {file.path} cannot be read: {in_one_line(error)}") from error


def _new_md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)


def _md5_of_object(path: str) -> str | None:
    """The MD5 that Cloud Storage keeps, None for an object that was composed of others."""
    bucket, _, name = path.removeprefix("gs://").partition("/")
    blob = _storage_client().bucket(bucket).get_blob(name)
    return None if blob is None or blob.md5_hash is None else b64decode(blob.md5_hash).hex()


@lru_cache(maxsize=1)
def _storage_client() -> StorageClient:
    return create_storage_client(PipelineOptions([]))
