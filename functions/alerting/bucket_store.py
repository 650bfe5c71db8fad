"""Markers as objects in a Cloud Storage bucket."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import requests
from google.api_core.exceptions import GoogleAPIError, NotFound, PreconditionFailed
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from delivered import LedgerUnavailable, Stored

_TIMEOUT_SECONDS = 3  # to connect, and again to answer
_RETRY_SECONDS = 5
_RETRY = DEFAULT_RETRY.with_timeout(_RETRY_SECONDS)
LONGEST_REQUEST_SECONDS = _RETRY_SECONDS + 2 * _TIMEOUT_SECONDS
"""The last try begins within the first of these, and takes the second."""


class BucketStore:
    """For all instances anywhere: an object for each marker, written only at the generation last seen.

    The marker is the object's metadata, which comes with its generation in one request. A lifecycle rule
    on the bucket is what deletes old markers.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        # Honours STORAGE_EMULATOR_HOST, with anonymous credentials.
        self._bucket = storage.Client().bucket(bucket)
        self._prefix = prefix + "/" if prefix else ""

    def get(self, key: str) -> Stored | None:
        """Return the marker, None if there is none."""
        with _told_as_ledger_unavailable():
            blob = self._bucket.get_blob(self._prefix + key, timeout=_TIMEOUT_SECONDS, retry=_RETRY)
        if blob is None:
            return None
        if not blob.metadata or "alert_id" not in blob.metadata:
            raise LedgerUnavailable(f"the object {blob.name} is no marker of ours; delete it")
        return Stored(dict(blob.metadata), int(blob.generation))

    def put(self, key: str, marker: dict[str, str], version: int) -> int | None:
        """Write if `version` is still the object's generation."""
        blob = self._bucket.blob(self._prefix + key)
        blob.metadata = marker
        with _told_as_ledger_unavailable():
            try:
                blob.upload_from_string(
                    json.dumps(marker),
                    content_type="application/json",
                    if_generation_match=version,
                    timeout=_TIMEOUT_SECONDS,
                    retry=_RETRY,
                )
            except PreconditionFailed:
                return None
            return int(blob.generation)

    def delete(self, key: str, version: int) -> None:
        """Delete if `version` is still the object's generation."""
        with _told_as_ledger_unavailable(), contextlib.suppress(PreconditionFailed, NotFound):
            self._bucket.blob(self._prefix + key).delete(
                if_generation_match=version, timeout=_TIMEOUT_SECONDS, retry=_RETRY
            )


@contextlib.contextmanager
def _told_as_ledger_unavailable() -> Iterator[None]:
    try:
        yield
    except (GoogleAPIError, GoogleAuthError, requests.RequestException) as fault:
        raise LedgerUnavailable(f"Cloud Storage does not take the marker: {fault}") from fault
