"""Objects that are there: listing, reading, and changing one only if nobody else has changed it meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, PreconditionFailed

from pipeline.errors import PipelineError, UsageError, in_one_line
from pipeline.objects import UPLOAD_TIMEOUT_SECONDS, storage_client, write_object


class StoredObject(NamedTuple):
    """An object of a bucket, or a local file."""

    path: str
    """`gs://bucket/name`, or a local path."""
    size: int
    generation: int
    """Cloud Storage's number of this content of the object; of a local file, when it was changed, in ns."""
    written: datetime | None = None
    """Since when its retention counts: the custom time, else when it was created. A local file has none."""


class ChangedMeanwhile(PipelineError):
    """The object is another one, or gone, since it was listed."""


def list_objects(folder: str) -> Iterator[StoredObject]:
    """Yield what lies in a folder and in those within it, in the order of the names.

    Raises UsageError for a bucket that is missing or closed to us.
    """
    if not folder.startswith("gs://"):
        yield from _files(folder)
        return
    bucket, _, prefix = folder.removeprefix("gs://").partition("/")
    try:
        for blob in storage_client().list_blobs(bucket, prefix=f"{prefix}/"):
            written = blob.custom_time or blob.time_created
            path = f"gs://{bucket}/{blob.name}"
            yield StoredObject(path, blob.size or 0, int(blob.generation or 0), written)
    except (NotFound, Forbidden) as error:
        raise UsageError(f"{folder} cannot be listed: {in_one_line(error)}") from error
    except GoogleAPIError as error:
        raise PipelineError(f"{folder} cannot be listed: {in_one_line(error)}") from error


def _files(folder: str) -> Iterator[StoredObject]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if not name.startswith("."):  # a file that is being written
                path = os.path.join(place, name)
                status = os.stat(path)
                yield StoredObject(path, status.st_size, status.st_mtime_ns)


def read_object(stored: StoredObject) -> bytes:
    """Return the bytes that were listed; raises ChangedMeanwhile, PipelineError."""
    if not stored.path.startswith("gs://"):
        _check_file(stored)
        with open(stored.path, "rb") as opened:
            return opened.read()
    try:
        data: bytes = _blob(stored).download_as_bytes(if_generation_match=stored.generation)
    except (NotFound, PreconditionFailed) as error:
        raise ChangedMeanwhile(f"{stored.path} was changed or deleted meanwhile") from error
    except GoogleAPIError as error:
        raise PipelineError(f"{stored.path} cannot be read: {in_one_line(error)}") from error
    return data


def replace_object(stored: StoredObject, data: bytes) -> None:
    """Put `data` in the place of what was listed, all at once; raises ChangedMeanwhile, PipelineError.

    The object's age begins anew, so its custom time says since when it is there: terraform/storage.tf
    """
    if not stored.path.startswith("gs://"):
        _check_file(stored)
        write_object(stored.path, data)
        return
    blob = _blob(stored)
    if stored.written is not None:
        blob.custom_time = stored.written
    try:
        blob.upload_from_string(
            data,
            content_type="application/octet-stream",
            timeout=UPLOAD_TIMEOUT_SECONDS,
            checksum="crc32c",
            if_generation_match=stored.generation,
        )
    except PreconditionFailed as error:
        raise ChangedMeanwhile(f"{stored.path} was changed or deleted meanwhile") from error
    except GoogleAPIError as error:
        raise PipelineError(f"{stored.path} cannot be written: {in_one_line(error)}") from error


def delete_object(stored: StoredObject) -> None:
    """Delete what was listed; raises ChangedMeanwhile, PipelineError."""
    if not stored.path.startswith("gs://"):
        _check_file(stored)
        os.unlink(stored.path)
        return
    try:
        _blob(stored).delete(if_generation_match=stored.generation)
    except (NotFound, PreconditionFailed) as error:
        raise ChangedMeanwhile(f"{stored.path} was changed or deleted meanwhile") from error
    except GoogleAPIError as error:
        raise PipelineError(f"{stored.path} cannot be deleted: {in_one_line(error)}") from error


def _check_file(stored: StoredObject) -> None:
    try:
        same = os.stat(stored.path).st_mtime_ns == stored.generation
    except FileNotFoundError:
        same = False
    if not same:
        raise ChangedMeanwhile(f"{stored.path} was changed or deleted meanwhile")


def _blob(stored: StoredObject):  # type: ignore[no-untyped-def]
    bucket, _, name = stored.path.removeprefix("gs://").partition("/")
    return storage_client().bucket(bucket).blob(name)
