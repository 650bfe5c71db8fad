"""BigQuery: refusing, silent, slow, without a table, refusing single rows, gone."""

from __future__ import annotations

from collections.abc import Callable

from local.chaos.http_proxy import Rule, always, lose_answer, never, slow
from local.chaos.inserts import error, for_inserts, refuse_rows
from local.chaos.scenario import Scenario
from local.chaos.trial import Trial

REFUSED_SHARE = 0.03
SHORT_TIMEOUT_SECONDS = 2


def inserts_meet(rule: Rule) -> Callable[[Trial], None]:
    """An outage in which every streaming insert meets `rule`."""

    def play(trial: Trial) -> None:
        trial.wait_until_flowing()
        trial.pause(0.3, 2)
        with trial.outage(), trial.bigquery.fault(for_inserts(rule)):
            trial.outlast()
            trial.wait_until_met()

    return play


def no_answer(trial: Trial) -> None:
    """Take every insert and say nothing."""
    trial.wait_until_flowing()
    trial.pause(0.3, 2)
    with trial.outage() as over, trial.bigquery.fault(for_inserts(never(over))):
        trial.outlast()


def table_missing(trial: Trial) -> None:
    """One event table, which the seed chooses, is not there, and then it is."""
    missing = trial.rng.choice(sorted(trial.expected.table_of.values()))
    not_found = for_inserts(always(error(404, "notFound")), lambda table: table == missing)
    trial.wait_until_flowing()
    trial.pause(0.3, 2)
    with trial.outage(), trial.bigquery.fault(not_found):
        trial.outlast()
        trial.wait_until_met()


def bad_rows(trial: Trial) -> None:
    """Some rows, which the seed chooses, are refused whenever they come; their neighbours are not."""
    trial.refused_share = REFUSED_SHARE
    events = set(trial.expected.table_of.values())
    with trial.bigquery.fault(for_inserts(refuse_rows(trial.is_refused), lambda table: table in events)):
        trial.producer.finish()
        trial.wait_for(trial.has_acknowledged_everything, 60.0, "Something is not acknowledged")


def restart(trial: Trial) -> None:
    """End the emulator and start it again on its data."""
    emulator = trial.stack.service("bigquery")
    trial.wait_until_flowing()
    trial.pause(0.3, 2)
    with trial.outage():
        emulator.ask_to_end()
        emulator.wait_until_ended(2.0)
        trial.pause(0, 2)
        trial.wait_until_met()
        emulator.start()
        emulator.wait_until_it_answers(60.0, lambda: False)


BIGQUERY = (
    *(
        Scenario(
            f"bigquery-{reason}" if status == 403 else f"bigquery-{status}",
            f"BigQuery answers every insert with {status} {reason}.",
            inserts_meet(always(error(status, reason))),
        )
        for status, reason in (
            (500, "internalError"),
            (503, "backendError"),
            (429, "rateLimitExceeded"),
            (403, "quotaExceeded"),
        )
    ),
    Scenario(
        "bigquery-no-answer",
        f"BigQuery takes inserts and never answers (time-out {SHORT_TIMEOUT_SECONDS} s).",
        no_answer,
        pipeline={"bigquery_timeout_seconds": SHORT_TIMEOUT_SECONDS},
    ),
    Scenario("bigquery-slow", "Each insert takes 1.5 s longer.", inserts_meet(slow(1.5))),
    Scenario("bigquery-answer-lost", "Inserts are done, and the answer is lost.", inserts_meet(lose_answer)),
    Scenario("bigquery-table-missing", "One table answers 404 notFound, then it is there.", table_missing),
    Scenario("bigquery-bad-rows", "3 of 100 rows are refused, their neighbours are not.", bad_rows),
    Scenario("bigquery-restart", "The BigQuery emulator ends and starts again.", restart),
)
