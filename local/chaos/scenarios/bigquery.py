"""BigQuery: refusing, silent, slow, without a table, refusing single rows, gone."""

from __future__ import annotations

from collections.abc import Callable

from local.chaos.http_proxy import Rule, always, lose_answer, never, refusal, slow
from local.chaos.inserts import for_inserts, refuse_rows
from local.chaos.scenario import Scenario
from local.chaos.scenarios.outages import meet, outage_under_load, restarted
from local.chaos.trial import Trial

REFUSED_SHARE = 0.03
SHORT_TIMEOUT_SECONDS = 2


def inserts_meet(rule: Rule) -> Callable[[Trial], None]:
    """An outage in which every streaming insert meets `rule`."""
    return lambda trial: meet(trial, trial.bigquery.fault(for_inserts(rule)))


def no_answer(trial: Trial) -> None:
    """Take every insert and say nothing."""
    with outage_under_load(trial) as over, trial.bigquery.fault(for_inserts(never(over))):
        trial.outlast()


def table_missing(trial: Trial) -> None:
    """One event table, which the seed chooses, is not there, and then it is."""
    missing = trial.rng.choice(sorted(trial.expected.table_of.values()))
    not_found = for_inserts(always(refusal(404, "notFound")), lambda table: table == missing)
    meet(trial, trial.bigquery.fault(not_found))


def bad_rows(trial: Trial) -> None:
    """Some rows, which the seed chooses, are refused whenever they come; their neighbours are not."""
    trial.refused_share = REFUSED_SHARE
    events = set(trial.expected.table_of.values())
    with trial.bigquery.fault(for_inserts(refuse_rows(trial.is_refused), lambda table: table in events)):
        trial.producer.finish()
        trial.wait_for(trial.has_acknowledged_everything, 60.0, "Something is not acknowledged")


BIGQUERY = (
    *(
        Scenario(
            f"bigquery-{reason}" if status == 403 else f"bigquery-{status}",
            f"BigQuery answers every insert with {status} {reason}.",
            inserts_meet(always(refusal(status, reason))),
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
    Scenario(
        "bigquery-restart", "The BigQuery emulator ends and starts again.", restarted("bigquery", 2, 0, 2)
    ),
)
