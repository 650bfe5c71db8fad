"""One POST to a channel's endpoint, and what its answer means."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import requests

from channels import Refused, Unavailable
from channels.retry_after import retry_after_seconds

TRY_SECONDS = 10.0
"""How long one POST may take in all: the look-up of the name, the connection, the answer."""

_CONNECT_SECONDS = 3.0
_PASSING = frozenset({408, 429})
_EXCERPT_BYTES = 300
_MIN_SECRET_CHARS = 8  # a shorter part of a URL, such as `v2`, gives nothing away


class _Answer(NamedTuple):
    status: int
    excerpt: str
    retry_after_seconds: float


class Endpoint:
    """A URL that takes JSON. It counts as a secret, and so do `secrets`: no fault's text shows one."""

    def __init__(self, url: str, *, secrets: Iterable[str] = (), try_seconds: float = TRY_SECONDS) -> None:
        self._url = url
        self._secrets = [*_secret_parts(url), *secrets]
        self._try_seconds = try_seconds

    def post(self, content: object, headers: Mapping[str, str] | None = None) -> None:
        """Send an object as JSON; return when it was answered with 2xx, whatever the answer's body.

        Raises Unavailable for 408, 429, 5xx, no connection within 3 s, no HTTP and no answer within
        `try_seconds`; Refused for any other answer. A redirect is one of those: it would turn the POST into
        a GET, or take the alert elsewhere.
        """
        outcome = self._outcome(
            json.dumps(content).encode(),
            {"Content-Type": "application/json; charset=utf-8", **(headers or {})},
        )
        # Faults are raised out here, where none of requests is their context: its texts show the URL.
        if outcome is None:
            raise Unavailable(f"gave no answer (within {self._try_seconds:g} s)")
        if isinstance(outcome, requests.RequestException):
            raise Unavailable(f"gave no answer ({type(outcome).__name__})")
        if isinstance(outcome, Exception):
            raise outcome
        if 200 <= outcome.status < 300:
            return
        text = f"answered {outcome.status}: {_hide(outcome.excerpt, self._secrets)}"
        if outcome.status in _PASSING or outcome.status >= 500:
            raise Unavailable(text, outcome.retry_after_seconds)
        raise Refused(text)

    def _outcome(self, body: bytes, headers: Mapping[str, str]) -> _Answer | Exception | None:
        """Return the answer or what was raised instead; None if the time is up."""
        outcomes: queue.SimpleQueue[_Answer | Exception] = queue.SimpleQueue()

        def work() -> None:
            try:
                outcomes.put(self._post(body, headers))
            except Exception as fault:
                outcomes.put(fault)

        # A thread, because requests bounds neither the look-up of a name nor an answer that comes byte by
        # byte. One that is given up ends with its connection.
        threading.Thread(target=work, daemon=True).start()
        try:
            return outcomes.get(timeout=self._try_seconds)
        except queue.Empty:
            return None

    def _post(self, body: bytes, headers: Mapping[str, str]) -> _Answer:
        with requests.post(
            self._url,
            data=body,
            headers=headers,
            timeout=(min(_CONNECT_SECONDS, self._try_seconds), self._try_seconds),
            allow_redirects=False,
            stream=True,  # the status decides; a body that never ends must not
        ) as answer:
            is_fine = 200 <= answer.status_code < 300
            pause = retry_after_seconds(answer.headers, datetime.now(UTC))
            return _Answer(answer.status_code, "" if is_fine else _excerpt(answer), pause)


def _excerpt(answer: requests.Response) -> str:
    try:
        start: bytes = next(answer.iter_content(_EXCERPT_BYTES), b"")
    except requests.RequestException as fault:
        return f"({type(fault).__name__})"
    return start.decode(errors="replace")


def _secret_parts(url: str) -> list[str]:
    """Return the URL and what an answer may repeat of it: its path, its query and their parts."""
    parts = urlsplit(url)
    pieces = [parts.path, parts.query, *parts.path.split("/")]
    pieces += [value for pair in parts.query.split("&") for value in pair.split("=")]
    return [url, *(piece for piece in pieces if len(piece) >= _MIN_SECRET_CHARS)]


def _hide(excerpt: str, secrets: Iterable[str]) -> str:
    # The longest first: a part replaced early would keep the whole from being found.
    longest_first = sorted(secrets, key=len, reverse=True)
    for secret in longest_first:
        excerpt = excerpt.replace(secret, "[hidden]")
    for secret in longest_first:
        # The excerpt may end in the middle of one; three characters of it give nothing away.
        for length in range(len(secret) - 1, 3, -1):
            excerpt = excerpt.removesuffix(secret[:length])
    return excerpt
