"""What a failed question means, in one sentence and one command."""

from __future__ import annotations

import requests
from google.api_core.exceptions import (
    Forbidden,
    GoogleAPICallError,
    MethodNotAllowed,
    MethodNotImplemented,
    NotFound,
    RetryError,
    Unauthorized,
)
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

from pipeline.errors import PipelineError
from pipeline.preflight.findings import APIS, EMULATORS, Check, Finding, emulator_of, not_checked, wrong

FAULTS: tuple[type[Exception], ...] = (
    GoogleAPICallError,
    RetryError,
    GoogleAuthError,
    requests.exceptions.RequestException,
    PipelineError,
)
"""Anything else is a bug, and is raised."""
_OFF = ("SERVICE_DISABLED", "has not been used in project", "accessNotConfigured")


def explain(check: Check, error: Exception) -> Finding:
    """Say what one of FAULTS means for what was looked at."""
    if isinstance(error, PipelineError):
        return wrong(check.what, str(error), check.create)
    if isinstance(error, NotFound):
        return wrong(check.what, "It does not exist: create it, or name another.", check.create)
    if isinstance(error, MethodNotImplemented | MethodNotAllowed) and emulator_of(check.service):
        return not_checked(check.what, f"The {check.service} emulator cannot be asked this.")
    if isinstance(error, Forbidden):
        return _forbidden(check, error)
    if isinstance(error, DefaultCredentialsError):
        return wrong(
            check.what,
            f"There are none, and no emulator stands in for {check.service}.",
            "gcloud auth application-default login",
        )
    if isinstance(error, GoogleAuthError | Unauthorized):
        return wrong(
            check.what,
            f"The credentials are not accepted: {one_line(error)}",
            "gcloud auth application-default login",
        )
    return wrong(check.what, f"{check.service} does not answer: {one_line(error)}", _reach(check.service))


def no_answer(check: Check, seconds: float) -> Finding:
    """Say that the time was up."""
    return wrong(check.what, f"No answer within {seconds:g} s.", _reach(check.service))


def one_line(error: Exception) -> str:
    """Return the error's text, short and without line breaks."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:199]}…"


def _forbidden(check: Check, error: Forbidden) -> Finding:
    text = f"{error} {error.errors} {error.details}"
    if any(mark in text for mark in _OFF):
        api = APIS[check.service]
        return wrong(
            check.what,
            f"The API {api} is off in the project {check.project}.",
            f"gcloud services enable {api} --project={check.project}",
        )
    return not_checked(check.what, f"This account may not look at it: {check.view} lets it.")


def _reach(service: str) -> str:
    if emulator_of(service):
        return f"echo ${EMULATORS[service]}  # then start what listens there: python -m local up"
    api = APIS.get(service)
    return f"curl -sS -o /dev/null -w '%{{http_code}}' https://{api}" if api else ""
