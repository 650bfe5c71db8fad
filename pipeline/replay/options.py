"""From the command line to checked settings, before anything starts."""

from __future__ import annotations

import difflib
import re
import secrets
import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pipeline.bigquery_client import DATASET
from pipeline.command_flags import Flag, read_flags, truth
from pipeline.contract import Contract, load_contract
from pipeline.errors import Rejected, UsageError
from pipeline.replay.filters import UNKNOWN, Filters
from pipeline.replay.prepare import Choice
from pipeline.replay.rules import load_rules
from pipeline.replay.run import Settings
from pipeline.rfc3339 import parse_rfc3339_us

_PROJECT = r"projects/[a-z][-a-z0-9:.]{4,61}[a-z0-9]"
_NAME = r"[A-Za-z][\w.~+%-]{2,254}"
LISTS = ("reason", "event_type", "fingerprint")
"""Flags that take several values, after commas or by being repeated."""

FLAGS = (
    Flag("from", "Where dead letters are read.", choices=("subscription", "table"), required=True,
         example="subscription or table"),
    Flag("dlq_subscription", "Subscription of the dead letters, with --from=subscription.",
         form=re.compile(rf"{_PROJECT}/subscriptions/{_NAME}", re.ASCII),
         example="projects/PROJECT/subscriptions/NAME"),
    Flag("bq_dataset", "Dataset with the tables of the pipeline.", form=re.compile(DATASET.pattern, re.ASCII),
         example="PROJECT:DATASET", required=True),
    Flag("topic", "Topic of the events, which the pipeline reads; required but for a --dry_run.",
         form=re.compile(rf"{_PROJECT}/topics/{_NAME}", re.ASCII), example="projects/PROJECT/topics/NAME"),
    Flag("reason", "Only letters with one of these reasons."),
    Flag("event_type", f"Only letters of these event types; {UNKNOWN} for those that do not say."),
    Flag("since", "Only letters refused then or later: a date or an RFC 3339 time.",
         example="2026-03-02 or 2026-03-02T10:04:11Z"),
    Flag("fingerprint", "Only letters with one of these fingerprints."),
    Flag("limit", "Replay so many letters at most.", type=int, least=1),
    Flag("rules", "File of repair rules, see docs/replay.md."),
    Flag("only_repaired", "Leave letters that no rule changes.", default=False, type=truth),
    Flag("max_replays", "Leave letters that have been replayed so often.", 3, int, 1, 100),
    Flag("dry_run", "Publish nothing; show the letters by fingerprint, with one example each.",
         default=False, type=truth),
    Flag("show_payloads", "In a --dry_run, show the beginning of each example's payload: it may be personal.",
         default=False, type=truth),
    Flag("rate", "Publish at most so many messages per second.", type=float, least=0.1),
    Flag("idle_seconds", "A subscription is taken to be empty when nothing has come for so long.", 10.0,
         float, 0.1),
    Flag("wait_seconds", "How long to look for what became of the messages; 0 looks once.", 60.0, float, 0),
    Flag("replay_id", "Name of this run in `replays`; without the flag, made of time and chance.",
         form=re.compile(r"[\w.:-]{1,100}", re.ASCII), example="up to 100 letters, digits and ._:-"),
    Flag("schemas_path", "Another contract than the package's own schemas.json."),
)  # fmt: skip


class ReplayJob(NamedTuple):
    """A checked command line."""

    reads: str
    """`subscription` or `table`."""
    subscription: str
    """Empty when the table is read."""
    idle_seconds: float
    dataset: str
    topic: str
    """Empty in a dry run without one."""
    settings: Settings
    wait_seconds: float
    contract: Contract
    show_payloads: bool


def parse_replay(argv: Sequence[str]) -> ReplayJob:
    """Read and check the command line, the rules and the contract.

    Raises UsageError with one sentence for anything that is wrong, ContractFileError for a wrong
    schemas.json; prints the help and raises SystemExit for --help.
    """
    given = read_flags(
        FLAGS,
        argv,
        command="pipeline.replay",
        noun="the replay",
        description="Publishes dead letters again: their original bytes and attributes, or repaired ones.",
        lists=LISTS,
    )
    _check_together(given)
    contract = load_contract(given["schemas_path"])
    return ReplayJob(
        given["from"],
        given["dlq_subscription"] or "",
        given["idle_seconds"],
        given["bq_dataset"],
        given["topic"] or "",
        Settings(
            _filters(given, contract),
            Choice(
                load_rules(given["rules"]) if given["rules"] is not None else (),
                given["only_repaired"],
                given["max_replays"],
            ),
            given["replay_id"] or f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(2)}",
            given["dry_run"],
            given["limit"],
            given["rate"],
        ),
        given["wait_seconds"],
        contract,
        given["show_payloads"],
    )


def _check_together(given: dict[str, Any]) -> None:
    """Flags that need, or exclude, each other."""
    if given["from"] == "subscription" and given["dlq_subscription"] is None:
        raise UsageError(
            "--dlq_subscription is missing: name projects/PROJECT/subscriptions/NAME, or read --from=table."
        )
    if given["from"] == "table" and given["dlq_subscription"] is not None:
        raise UsageError("--dlq_subscription means nothing with --from=table: drop it, or the other.")
    if given["topic"] is None and not given["dry_run"]:
        raise UsageError("--topic is missing: name projects/PROJECT/topics/NAME, or add --dry_run.")
    if given["show_payloads"] and not given["dry_run"]:
        raise UsageError("--show_payloads shows them in a --dry_run: add it, or drop the flag.")
    if given["only_repaired"] and given["rules"] is None:
        raise UsageError("--only_repaired leaves every letter without --rules: add it, or drop the flag.")


def _filters(given: dict[str, Any], contract: Contract) -> Filters:
    reasons = _values("reason", given["reason"])
    _check_known("reason", reasons, known_reasons())
    event_types = _values("event_type", given["event_type"])
    _check_known("event_type", event_types, (*contract.event_types, UNKNOWN))
    fingerprints = _values("fingerprint", given["fingerprint"])
    for fingerprint in fingerprints:
        if not re.fullmatch(r"[0-9a-f]{16}", fingerprint):
            raise UsageError(
                f"--fingerprint={fingerprint} is none: it has 16 of the digits 0-9a-f; --dry_run lists them."
            )
    return Filters(
        frozenset(reasons), frozenset(event_types), frozenset(fingerprints), _since(given["since"])
    )


def known_reasons() -> list[str]:
    """Every reason for which a message is refused, in the order of errors.py."""
    found: list[str] = []
    pending: list[type[Rejected]] = [Rejected]
    while pending:
        refusal = pending.pop(0)
        if "reason" in vars(refusal):
            found.append(refusal.reason)
        pending += refusal.__subclasses__()
    return found


def _values(name: str, given: Iterable[str] | None) -> list[str]:
    values = [value.strip() for text in given or () for value in text.split(",")]
    if "" in values:
        raise UsageError(f"--{name} has an empty value: name one, or several after commas.")
    return values


def _check_known(name: str, values: Iterable[str], known: Sequence[str]) -> None:
    for value in values:
        if value not in known:
            near = difflib.get_close_matches(value, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"take one of {', '.join(known)}."
            raise UsageError(f"--{name}={value} is unknown: {hint}")


def _since(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_rfc3339_us(f"{text}T00:00:00Z" if len(text) == 10 else text)
    except ValueError as error:
        raise UsageError(
            f"--since={text} {error}: give a date such as 2026-03-02 or a time such as 2026-03-02T10:04:11Z."
        ) from error
