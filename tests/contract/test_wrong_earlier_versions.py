"""A mistake in the earlier versions of a table is refused with a sentence that says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.changed_contract import Change, activity, earlier, refusal_of, rename

EARLIER = "schemas.json: tables.user_activity.earlier_versions"
REFUSALS: dict[str, tuple[Change, str]] = {
    "typo in an earlier version's check": (
        lambda c: rename(earlier(c)["columns"][1]["check"], "enum", "enums"),
        f'{EARLIER}.1.columns[1] (event_type).check: unknown check word "enums"; did you mean "enum"?',
    ),
    "earlier version without event_time": (
        lambda c: earlier(c).pop("event_time"),
        f'{EARLIER}.1: the key "event_time" is missing.',
    ),
    "earlier version whose event_time may be null": (
        lambda c: earlier(c)["columns"][4].update(mode="NULLABLE"),
        f'{EARLIER}.1.event_time: "event_time" must be REQUIRED and sent by the producer.',
    ),
    "earlier version with an unknown key": (
        lambda c: earlier(c).update(partition={}),
        f'{EARLIER}.1: unknown key "partition"; use one of event_time, columns.',
    ),
    "earlier versions with a gap": (
        lambda c: activity(c)["earlier_versions"].pop("1"),
        f'{EARLIER}: "2" stands where "1" must: count from "1", without a gap.',
    ),
    "earlier version that is the current one": (
        lambda c: activity(c).update(schema_version=2),
        f'{EARLIER}: "2" is not earlier than the schema_version, 2.',
    ),
    "earlier versions that are none": (
        lambda c: activity(c).update(earlier_versions={}),
        f'{EARLIER}: must declare version "1" at least; or remove it.',
    ),
    "earlier versions of a table without events": (
        lambda c: c["tables"]["alerts"].update(earlier_versions=activity(c)["earlier_versions"]),
        "schemas.json: tables.alerts.earlier_versions: only an event table has earlier versions.",
    ),
    "earlier version with a column of the pipeline": (
        lambda c: earlier(c)["columns"][1].update(set_by="pipeline"),
        f'{EARLIER}.1: the column "event_type" of an earlier version cannot have "set_by".',
    ),
    "earlier version with an event_id": (
        lambda c: earlier(c)["columns"][0].update(name="event_id"),
        f'{EARLIER}.1: an event has no column "event_id": it is taken out of the message.',
    ),
    "earlier version that no step lifts": (
        lambda c: activity(c).update(event_type="visit"),
        f"{EARLIER}.1: no step lifts visit from version 1 to 2; write it in pipeline/migrations.py.",
    ),
    "earlier version whose column is not marked as what it becomes": (
        lambda c: earlier(c)["columns"][0].pop("pii"),
        f'{EARLIER}.1.columns: "user_id" becomes user_id, which has "pii"; mark it, too.',
    ),
    "earlier version whose column moves into a RECORD and is not marked there": (
        lambda c: earlier(c, "2")["columns"][1].pop("pii"),
        f'{EARLIER}.2.columns: "session_id" becomes metadata.session_id, which has "pii"; mark it, too.',
    ),
    "earlier version with a number that becomes personal": (
        lambda c: activity(c)["columns"][3]["fields"][3].update(pii=True),
        f'{EARLIER}.1.columns: "price" becomes metadata.price, which has "pii"; mark it, too.',
    ),
    "earlier version whose column moves into a RECORD that is marked": (
        lambda c: activity(c)["columns"][3].update(pii=True),
        f'{EARLIER}.1.columns: "product_id" becomes metadata.product_id, which has "pii"; mark it, too.',
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_wrong_earlier_versions_are_refused_with_a_sentence_that_says_where(
    name: str, tmp_path: Path
) -> None:
    change, sentence = REFUSALS[name]
    assert refusal_of(change, tmp_path) == sentence
