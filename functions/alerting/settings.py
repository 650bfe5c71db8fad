"""The environment of the function, read and checked once, at its cold start."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from alert import SEVERITIES
from channels import Channel
from channels.console import ConsoleChannel
from channels.file import FileChannel
from channels.pagerduty import PagerDutyChannel
from channels.slack import SlackChannel
from channels.webhook import WebhookChannel
from delivered import MarkerStore
from escalation import Route
from marker_stores import FolderStore, MemoryStore
from persistent_channel import PersistentChannel

PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
MIN_BREACHES = {
    "CONSOLE_MIN_BREACHES": 3,
    "FILE_MIN_BREACHES": 3,
    "SLACK_MIN_BREACHES": 5,
    "PAGERDUTY_MIN_BREACHES": 1,
    "WEBHOOK_MIN_BREACHES": 1,
}
"""Windows in a row in breach from which on a channel is told, unless the variable says otherwise."""


class SettingsError(Exception):
    """A variable is missing or wrong. The message names it, and never shows the value of a secret one."""


class Settings(NamedTuple):
    """What the environment asks for."""

    routes: tuple[Route, ...]
    store: MarkerStore


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the channels and the store of the markers. An empty variable counts as unset.

    Raises SettingsError for the first variable that is missing or wrong.
    """
    variables = {name: value.strip() for name, value in environment.items() if value.strip()}
    return Settings(_routes(variables), _store(variables))


def _routes(variables: Mapping[str, str]) -> tuple[Route, ...]:
    names = [name.strip() for name in variables.get("ALERT_CHANNELS", "console").split(",")]
    for name in names:
        if name not in _OPEN_CHANNEL:
            raise SettingsError(
                f"ALERT_CHANNELS names {name!r}, which is no channel; use {', '.join(_OPEN_CHANNEL)}."
            )
    return tuple(
        Route(
            PersistentChannel(_OPEN_CHANNEL[name](variables)),
            _min_severity(variables, name),
            _min_breaches(variables, name),
        )
        for name in dict.fromkeys(names)
    )


def _min_severity(variables: Mapping[str, str], channel: str) -> str:
    variable = f"{channel.upper()}_MIN_SEVERITY"
    severity = variables.get(variable, SEVERITIES[0])
    if severity not in SEVERITIES:
        raise SettingsError(f"{variable} is {severity!r}; use {', '.join(SEVERITIES)}.")
    return severity


def _min_breaches(variables: Mapping[str, str], channel: str) -> int:
    variable = f"{channel.upper()}_MIN_BREACHES"
    count = variables.get(variable, str(MIN_BREACHES[variable]))
    if not re.fullmatch("[0-9]{1,9}", count) or int(count) == 0:
        raise SettingsError(f"{variable} is {count!r}; use a whole number of at least 1.")
    return int(count)


def _console(_variables: Mapping[str, str]) -> Channel:
    return ConsoleChannel()


def _file(variables: Mapping[str, str]) -> Channel:
    path = Path(_needed(variables, "ALERT_FILE", "file"))
    if path.is_dir() or not path.parent.is_dir():
        raise SettingsError(f"ALERT_FILE is {str(path)!r}; use the path of a file in a folder that exists.")
    return FileChannel(path)


def _slack(variables: Mapping[str, str]) -> Channel:
    return SlackChannel(_url("SLACK_WEBHOOK_URL", _needed(variables, "SLACK_WEBHOOK_URL", "slack")))


def _pagerduty(variables: Mapping[str, str]) -> Channel:
    url = _url("PAGERDUTY_URL", variables.get("PAGERDUTY_URL", PAGERDUTY_URL))
    return PagerDutyChannel(url, _needed(variables, "PAGERDUTY_ROUTING_KEY", "pagerduty"))


def _webhook(variables: Mapping[str, str]) -> Channel:
    token = variables.get("WEBHOOK_TOKEN")
    if token is not None and not _is_printable(token):
        raise SettingsError("WEBHOOK_TOKEN holds a space, a line break or a character that is not ASCII.")
    return WebhookChannel(_url("WEBHOOK_URL", _needed(variables, "WEBHOOK_URL", "webhook")), token)


_OPEN_CHANNEL: dict[str, Callable[[Mapping[str, str]], Channel]] = {
    "console": _console,
    "file": _file,
    "slack": _slack,
    "pagerduty": _pagerduty,
    "webhook": _webhook,
}


def _store(variables: Mapping[str, str]) -> MarkerStore:
    state = variables.get("ALERT_STATE", "")
    scheme, separator, location = state.partition("://")
    bucket, _, prefix = location.partition("/")
    if separator and (scheme != "gs" or not bucket):
        raise SettingsError(f"ALERT_STATE is {state!r}; use gs://bucket/prefix or the path of a folder.")
    if separator:
        return _bucket_store(bucket, prefix.strip("/"))
    if not state:
        return MemoryStore()
    try:
        return FolderStore(Path(state))
    except OSError as fault:
        raise SettingsError(f"ALERT_STATE is {state!r}, which is no folder to write to: {fault}.") from None


def _bucket_store(bucket: str, prefix: str) -> MarkerStore:
    # Imported here because they cost a second of cold start: only who uses them pays.
    from google.auth.exceptions import DefaultCredentialsError

    from bucket_store import BucketStore

    try:
        return BucketStore(bucket, prefix)
    except (DefaultCredentialsError, OSError) as fault:  # OSError: no project
        raise SettingsError(f"ALERT_STATE is a bucket, but Cloud Storage is out of reach: {fault}") from None


def _url(variable: str, url: str) -> str:
    problem = SettingsError(f"{variable} is not a URL of the form https://host/path.")
    try:
        parts = urlsplit(url)
        is_known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        has_password = "@" in parts.netloc
    except ValueError:  # such as a port that is no number; its text would show the URL, which is a secret
        raise problem from None
    if not is_known or not _is_printable(url):
        raise problem
    if has_password:  # would be sent instead of the token
        raise SettingsError(f"{variable} holds a user or a password; use the URL without them.")
    return url


def _needed(variables: Mapping[str, str], variable: str, channel: str) -> str:
    if variable not in variables:
        raise SettingsError(f"ALERT_CHANNELS names {channel}, but {variable} is not set; set it.")
    return variables[variable]


def _is_printable(text: str) -> bool:
    return all("!" <= char <= "~" for char in text)
