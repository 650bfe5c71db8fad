"""A wrong variable is refused with a sentence, told by the terraform binary."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.terraform.configuration import FOLDER
from tests.terraform.evaluation import KEY, MISSING, TERRAFORM, evaluate

pytestmark = pytest.mark.skipif(TERRAFORM is None, reason=MISSING)

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"project_id": "My Shop"}, 'project_id is "My Shop": a project id has 6 to 30 lower-case letters'),
    ({"project_id": "123456789"}, "`gcloud projects list` shows the id"),
    ({"alert_min_breaches": {"mail": 3}}, "alert_min_breaches names mail: use any of console, slack"),
    ({"alert_min_breaches": {"slack": 0}}, 'alert_min_breaches is {"slack":0}: use whole numbers from 1'),
    ({"alert_min_breaches": {"slack": 2.5}}, 'alert_min_breaches is {"slack":2.5}: use whole numbers from 1'),
    ({"region": "EU"}, 'region is "EU": name a region such as europe-west1'),
    ({"region": "europe-west1-b"}, "without a zone's letter"),
    ({"lake_bucket": "gs://lake"}, 'lake_bucket is "gs://lake": a bucket\'s name has 3 to 63'),
    ({"staging_bucket": "a/b"}, 'staging_bucket is "a/b"'),
    ({"templates_bucket": "Templates"}, 'templates_bucket is "Templates"'),
    ({"dataset_id": "shop:events"}, 'dataset_id is "shop:events": a dataset\'s name has letters'),
    ({"labels": {"Team": "x"}}, "Wrong: Team=x."),
    ({"soft_delete_days": 3}, "soft_delete_days is 3: Cloud Storage takes 7 to 90 days, or 0 for none."),
    ({"dead_letter_days": 30.5}, "dead_letter_days is 30.5: use a whole number of 7 or more"),
    (
        {"dead_letter_days": 6, "dead_letter_queue_days": 3},
        "dead_letter_days is 6: use a whole number of 7 or more",
    ),
    (
        {"dead_letter_days": 14},
        "dead_letter_days is 14: use a whole number of 7 or more, and of dead_letter_queue_days (31) or more",
    ),
    ({"raw_archive_days": 7}, "raw_archive_days is 7: use a whole number of 8 or more"),
    ({"event_days": 30.5}, "event_days is 30.5: use a whole number of 31 or more, or null for no end."),
    ({"alert_marker_days": 1}, "alert_marker_days is 1: use a whole number of 8 or more"),
    (
        {"dead_letter_queue_days": 40},
        "dead_letter_queue_days is 40: Pub/Sub keeps a message for 1 to 31 days.",
    ),
    ({"raw_events_days": 0}, "raw_events_days is 0: use a whole number of 1 or more."),
    ({"image_tag": "pipeline:1"}, 'image_tag is "pipeline:1"'),
    ({"image_days": 29}, "image_days is 29: use a whole number of 30 or more"),
    ({"image_days": 90.5}, "image_days is 90.5: use a whole number"),
    ({"max_workers": 0}, "max_workers is 0: use a whole number from 1 to 1000."),
    ({"private_network_range": "10.0.0"}, 'private_network_range is "10.0.0"'),
    (
        {"kms_key_name": "projects/p/locations/us/keyRings/r/cryptoKeys/k"},
        "the key must lie in the region europe-west1",
    ),
    ({"kms_key_name": f"{KEY} with spaces"}, "use projects/PROJECT/locations/europe-west1/keyRings/RING"),
    (
        {"operators": ["me@example.com"]},
        "operators names me@example.com: put user:, group: or serviceAccount:",
    ),
    ({"notification_email": "oncall"}, 'notification_email is "oncall": use one address'),
    ({"alert_channels": ["console", "mail"]}, "alert_channels names mail: use any of console, slack"),
    ({"alert_channels": []}, "alert_channels names nothing"),
    ({"no_orders_minutes": 5}, "no_orders_minutes is 5: use a whole number from 10"),
    ({"max_dead_letter_share": 5}, "max_dead_letter_share is 5: use a share between 0 and 1"),
    ({"billing_account": "My Account"}, 'billing_account is "My Account": use the form'),
    ({"monthly_budget": 0}, "monthly_budget is 0: use a whole number of 1 or more."),
]


@pytest.mark.parametrize(("variables", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_a_wrong_variable_is_named_with_what_to_use(
    tmp_path: Path, variables: dict[str, Any], sentence: str
) -> None:
    assert sentence in evaluate(tmp_path, **variables).complaint


def test_every_check_of_a_variable_has_been_seen_to_refuse() -> None:
    checked = re.findall(r'^variable "(\w+)" \{(?:\n(?!\}).*)*?\n  validation', _variables(), re.MULTILINE)
    assert len(checked) > 15
    assert set(checked) == {name for variables, _ in WRONG for name in variables}


def _variables() -> str:
    files = ("variables.tf", "retention.tf")
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in files)
