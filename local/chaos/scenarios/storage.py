"""Cloud Storage: refusing, losing answers, gone."""

from __future__ import annotations

import orjson

from local.chaos.http_proxy import Answer, Forward, Request, Rule, always, lose_answer
from local.chaos.scenario import Scenario
from local.chaos.trial import Trial


def refusal(status: int, reason: str) -> Answer:
    """An answer of Cloud Storage's that refuses a request."""
    details = {"reason": reason, "message": f"{reason}, on purpose", "domain": "global"}
    body = {"error": {"code": status, "message": details["message"], "errors": [details]}}
    return Answer(status, orjson.dumps(body))


def for_uploads(rule: Rule) -> Rule:
    """Let `rule` decide about uploads, and pass everything else on."""

    def narrowed(request: Request, forward: Forward) -> Answer | None:
        is_upload = request.method in ("POST", "PUT") and request.path.startswith("/upload/")
        return rule(request, forward) if is_upload else None

    return narrowed


def uploads_meet(trial: Trial, rule: Rule) -> None:
    """An outage in which every upload meets `rule`."""
    trial.wait_until_flowing()
    trial.pause(0.3, 2)
    with trial.outage(), trial.storage.fault(for_uploads(rule)):
        trial.outlast()
        trial.wait_until_met()


def restart(trial: Trial) -> None:
    """End the emulator and start it again on its objects."""
    emulator = trial.stack.service("storage")
    trial.wait_until_flowing()
    trial.pause(0.3, 2)
    with trial.outage():
        emulator.ask_to_end()
        emulator.wait_until_ended(10.0)
        trial.pause(1, 4)
        trial.wait_until_met()
        emulator.start()
        emulator.wait_until_it_answers(60.0, lambda: False)


STORAGE = (
    Scenario(
        "storage-503",
        "Cloud Storage answers every upload with 503.",
        lambda trial: uploads_meet(trial, always(refusal(503, "backendError"))),
        recovered_when="acknowledged",
    ),
    Scenario(
        "storage-403",
        "Cloud Storage answers every upload with 403, then the role is granted.",
        lambda trial: uploads_meet(trial, always(refusal(403, "forbidden"))),
        recovered_when="acknowledged",
    ),
    Scenario(
        "storage-507",
        "Cloud Storage answers every upload with 507: no room left.",
        lambda trial: uploads_meet(trial, always(refusal(507, "insufficientStorage"))),
        recovered_when="acknowledged",
    ),
    Scenario(
        "storage-answer-lost",
        "Objects are written, and the answer is lost.",
        lambda trial: uploads_meet(trial, lose_answer),
        recovered_when="acknowledged",
    ),
    Scenario(
        "storage-restart",
        "The storage emulator ends and starts again.",
        restart,
        recovered_when="acknowledged",
    ),
)
