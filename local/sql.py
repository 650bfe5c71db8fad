"""Answers questions on the warehouse that a stack, running or ended, has in its state folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from google.api_core.exceptions import GoogleAPICallError, InternalServerError
from google.api_core.retry import Retry, if_exception_type
from google.cloud import bigquery

from local.answer import Answer
from local.child import free_ports
from local.errors import QueryError, StateInUseError
from local.names import DEFAULT_PROJECT
from local.resources import bigquery_client
from local.services import BigqueryEmulator
from local.state import StateFolder

_START_TIMEOUT_SECONDS = 30.0
_QUERY_TIMEOUT_SECONDS = 120.0
_WAIT_FOR_STATE_SECONDS = 20.0
# The emulator drops a kept-open connection after an error; anything it answers is final.
_CONNECTION_RETRY = Retry(predicate=if_exception_type(requests.exceptions.ConnectionError), timeout=5.0)


def ask(question: str, state_dir: Path) -> Answer:
    """Run the SQL `question` on the warehouse in `state_dir`; tables need no dataset.

    Raises: QueryError if there is no warehouse, or the question is wrong.
    """
    if not question.strip():
        raise QueryError("The question is empty: give one SQL statement.")
    with open_warehouse(state_dir) as warehouse:
        return warehouse(question)


@contextmanager
def open_warehouse(state_dir: Path) -> Iterator[Callable[[str], Answer]]:
    """Yield what answers SQL questions on the warehouse in `state_dir`, for as long as the block lasts.

    Raises: QueryError if there is no warehouse; a question that is wrong raises it, too.
    """
    with _running_warehouse(StateFolder(state_dir)) as (address, project):
        client = bigquery_client(address, project)
        yield lambda question: answer(client, question)


def answer(client: bigquery.Client, question: str) -> Answer:
    """Run the SQL `question` with a client of the emulator. Raises: QueryError if it is wrong."""
    try:
        # Not query_and_wait: the emulator answers its shortcut with no rows where there is an error.
        job = client.query(question, retry=_CONNECTION_RETRY, job_retry=None)
        result = job.result(
            retry=_CONNECTION_RETRY,
            job_retry=None,
            timeout=_QUERY_TIMEOUT_SECONDS,
        )
        rows = [tuple(row.values()) for row in result]
    except GoogleAPICallError as error:
        raise QueryError(_sentence(error)) from None
    return Answer(tuple(field.name for field in result.schema), rows)


@contextmanager
def _running_warehouse(state: StateFolder) -> Iterator[tuple[str, str]]:
    """Yield the address and project of the running stack, else start the emulator on its data."""
    if not state.has_data():
        raise QueryError(
            f"There is no warehouse in {state.path}: run `make demo` first, or name its folder with --state."
        )
    deadline = time.monotonic() + _WAIT_FOR_STATE_SECONDS
    while True:
        try:
            state.lock()
            break
        except StateInUseError as error:
            recorded = state.recorded()
            if recorded is not None:
                yield recorded["BIGQUERY_EMULATOR_HOST"], recorded["GOOGLE_CLOUD_PROJECT"]
                return
            # It starts, it ends, or another question is being answered: all soon over.
            if time.monotonic() > deadline:
                raise QueryError(str(error)) from None
            time.sleep(0.1)
    emulator = BigqueryEmulator(free_ports(1)[0], state.logs, state.bigquery, DEFAULT_PROJECT)
    try:
        emulator.start()
        emulator.wait_until_it_answers(_START_TIMEOUT_SECONDS, lambda: False)
        yield emulator.address, DEFAULT_PROJECT
    finally:
        emulator.ask_to_end()
        emulator.wait_until_ended(5.0)
        state.unlock()


def _sentence(error: GoogleAPICallError) -> str:
    """Return what is wrong with a question, without the emulator's status, location and job id."""
    if isinstance(error, InternalServerError):
        return "The emulator cannot run this statement, though BigQuery may: bigquery.log has its error."
    message = str(error.errors[0]["message"] if error.errors else error.message).strip()
    sentence = message.partition("\n")[0]
    for prefix in ("Query execution failed: ", "Binder Error: ", "Parser Error: "):
        sentence = sentence.removeprefix(prefix)
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
