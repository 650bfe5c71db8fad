"""One POST to a channel's endpoint, and what its answer means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import requests

from channels import Refused, Unavailable

_TIMEOUT_SECONDS = (3, 10)  # to connect, to answer
_PASSING = frozenset({408, 429})
_EXCERPT_BYTES = 300
_MIN_SECRET_CHARS = 8  # a shorter part of a URL, such as `v2`, gives nothing away


def post_json(
    url: str, content: object, *, secrets: Iterable[str] = (), headers: Mapping[str, str] | None = None
) -> None:
    """Send an object as JSON; return when it was answered with 2xx.

    The URL counts as a secret, and so do `secrets`: none of them is in a fault's text.
    Raises Unavailable for 408, 429, 5xx, no connection within 3 s and no answer within 10 s; Refused for any
    other answer. A redirect is one of those: it would turn the POST into a GET, or take the alert elsewhere.
    """
    body = json.dumps(content).encode()
    excerpt = ""
    try:
        with requests.post(
            url,
            data=body,
            headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})},
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,  # the status decides; a body that never ends must not
        ) as answer:
            status = answer.status_code
            if not 200 <= status < 300:
                excerpt = _excerpt(answer)
    except requests.RequestException as fault:
        fault_name = type(fault).__name__
    else:
        if 200 <= status < 300:
            return
        text = f"answered {status}: {_hide(excerpt, [*_secret_parts(url), *secrets])}"
        raise Unavailable(text) if status in _PASSING or status >= 500 else Refused(text)
    # Raised out here, where no fault of requests is its context: their texts show the URL.
    raise Unavailable(f"gave no answer ({fault_name})")


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
