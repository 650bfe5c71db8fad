"""docs/privacy.md names the marked columns there are, and quotes messages that are made."""

from __future__ import annotations

import re

from pipeline.erase.lake import letter_folder, letter_rows_folder
from tests.contract.messages import CONTRACT
from tests.docs.readme import REPOSITORY
from tests.privacy.canaries import personal_columns

TEXT = (REPOSITORY / "docs" / "privacy.md").read_text(encoding="utf-8")


def test_every_marked_column_is_named_as_marked() -> None:
    section = TEXT.split("| marked |")[1].split("\n\n")[0]
    marked = " ".join(line.split("|")[1] for line in section.splitlines()[2:])
    names = {personal.path[-1] for personal in personal_columns(CONTRACT)}
    assert {name for name in names if f"{name}`" not in marked} == set()


def test_dead_letters_that_are_loaded_after_an_outage_stay_where_retention_and_erasure_find_them() -> None:
    outages = (REPOSITORY / "docs/outages.md").read_text(encoding="utf-8")
    places = re.findall(r"gs://BUCKET/(\S*dead_letters/[\w/]*)", outages)
    assert len(places) == 3
    retention = (REPOSITORY / "terraform/retention.tf").read_text(encoding="utf-8")
    deleted = re.findall(r'"([^"]+)" += var\.dead_letter_days', retention)
    erased = (letter_rows_folder("").lstrip("/") + "/", letter_folder("").lstrip("/") + "/")
    for place in places:
        assert place.startswith(tuple(deleted))
        assert place.startswith(erased)


def test_every_variable_of_the_retention_is_in_the_table() -> None:
    declared = re.findall(
        r'^variable "(\w+)"', (REPOSITORY / "terraform/retention.tf").read_text(), re.MULTILINE
    )
    told = re.findall(r"^\| .* \| `(\w+_days)` \| ", TEXT, re.MULTILINE)
    assert sorted(told) == sorted(declared)
