"""Cloud Storage: refusing, losing answers, gone."""

from __future__ import annotations

from collections.abc import Callable

from local.chaos.http_proxy import Answer, Forward, Request, Rule, always, lose_answer, refusal
from local.chaos.scenario import Scenario
from local.chaos.scenarios.outages import meet, restarted
from local.chaos.trial import Trial


def for_uploads(rule: Rule) -> Rule:
    """Let `rule` decide about uploads, and pass everything else on."""

    def narrowed(request: Request, forward: Forward) -> Answer | None:
        is_upload = request.method in ("POST", "PUT") and request.path.startswith("/upload/")
        return rule(request, forward) if is_upload else None

    return narrowed


def uploads_meet(rule: Rule) -> Callable[[Trial], None]:
    """An outage in which every upload meets `rule`."""
    return lambda trial: meet(trial, trial.storage.fault(for_uploads(rule)))


STORAGE = (
    Scenario(
        "storage-503",
        "Cloud Storage answers every upload with 503.",
        uploads_meet(always(refusal(503, "backendError"))),
        recovered_when="acknowledged",
    ),
    Scenario(
        "storage-403",
        "Cloud Storage answers every upload with 403, then the role is granted.",
        uploads_meet(always(refusal(403, "forbidden"))),
        recovered_when="acknowledged",
    ),
    Scenario(
        "storage-507",
        "Cloud Storage answers every upload with 507: no room left.",
        uploads_meet(always(refusal(507, "insufficientStorage"))),
        recovered_when="acknowledged",
    ),
    Scenario(
        "storage-answer-lost",
        "Objects are written, and the answer is lost.",
        uploads_meet(lose_answer),
        recovered_when="acknowledged",
    ),
    Scenario(
        "storage-restart",
        "The storage emulator ends and starts again.",
        restarted("storage", 10, 1, 4),
        recovered_when="acknowledged",
    ),
)
