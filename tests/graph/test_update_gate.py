"""A running job can be updated: what was renamed in the graph is mapped."""

from __future__ import annotations

from pathlib import Path

import pytest
from apache_beam.transforms.ptransform import PTransform

from tests.graph import steps
from tests.graph.steps import complaints, deployed_steps, graph_steps, mappings, name_after, refreshed

DEPLOYED = ("Read", "Write/Group/Sort", "Write/Store")
RENAMED = ("Read", "Keep/Group/Sort", "Keep/Store")
GONE = "is gone: map it in transform_names.json, or map it to '' to drop its state."
NEW = "new, and no obstacle; now run python -m tests.graph.steps"


def test_the_running_job_can_be_updated_to_the_graph() -> None:
    assert complaints(deployed_steps(), graph_steps(), mappings()) == []


@pytest.mark.parametrize(
    ("current", "mapped", "expected"),
    [
        pytest.param(DEPLOYED, {}, [], id="nothing has changed"),
        pytest.param(
            RENAMED, {}, [f"Write/Group/Sort {GONE}", f"Write/Store {GONE}"], id="renamed and not mapped"
        ),
        pytest.param(RENAMED, {"Write": "Keep"}, [], id="the composite is mapped"),
        pytest.param(RENAMED, {"Write/Store": "Keep/Store"}, [f"Write/Group/Sort {GONE}"], id="one of two"),
        pytest.param(
            ("Read", "Keep/Group/Sort", "Put"),
            {"Write": "Keep", "Write/Store": "Put"},
            [],
            id="the longest mapping counts",
        ),
        pytest.param(
            ("Read", "Keep/Group/Sort"),
            {"Write": "Keep"},
            ["Write/Store is mapped to Keep/Store, which is no step of the graph."],
            id="a part of what is mapped is gone",
        ),
        pytest.param(
            DEPLOYED,
            {"Read": "Take"},
            ["Read is mapped to Take, which is no step of the graph."],
            id="mapped and not renamed",
        ),
        pytest.param(("Read",), {"Write": ""}, [], id="dropped on purpose"),
        pytest.param(("Read",), {}, [f"Write/Group/Sort {GONE}", f"Write/Store {GONE}"], id="dropped"),
        pytest.param(
            (*DEPLOYED, "Writer"),
            {"Writ": "Writer"},
            ["Writ is mapped, and is no deployed step: take it out of transform_names.json."],
            id="part of a word is no step",
        ),
        pytest.param((*DEPLOYED, "Count", "Add"), {}, [f"Add, Count: {NEW}"], id="added"),
        pytest.param((*RENAMED, "Count"), {"Write": "Keep"}, [f"Count: {NEW}"], id="added and renamed"),
        pytest.param(("Take", *DEPLOYED[1:]), {}, [f"Read {GONE}"], id="a plain rename is no new step"),
    ],
)
def test_an_update_that_would_lose_state_is_complained_of(
    current: tuple[str, ...], mapped: dict[str, str], expected: list[str]
) -> None:
    assert complaints(DEPLOYED, current, mapped) == expected


def test_a_step_that_is_renamed_fails_until_it_is_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    named = PTransform.__rrshift__
    new_label = {"WriteLake": "StoreLake"}
    monkeypatch.setattr(
        PTransform, "__rrshift__", lambda self, label: named(self, new_label.get(label, label))
    )
    current, held = graph_steps(), deployed_steps()
    in_lake = [name for name in held if name.startswith("WriteLake/")]
    assert len(in_lake) > 3
    assert complaints(held, current, mappings()) == [f"{name} {GONE}" for name in in_lake]
    assert complaints(held, current, {**mappings(), "WriteLake": "StoreLake"}) == []


@pytest.mark.parametrize(
    ("current", "mapped", "expected"),
    [
        pytest.param((*DEPLOYED, "Count"), {}, ["Count", *DEPLOYED], id="a new step is added"),
        pytest.param(RENAMED, {}, ["Keep/Group/Sort", "Keep/Store", "Read"], id="the mapping was deployed"),
        pytest.param((*RENAMED, "Count"), {"Write": "Keep"}, ["Count", *DEPLOYED], id="it still waits"),
    ],
)
def test_the_names_are_written_anew_so_that_nobody_complains(
    current: tuple[str, ...],
    mapped: dict[str, str],
    expected: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = tmp_path / "step_names.txt"
    held.write_text("".join(f"{name}\n" for name in DEPLOYED))
    monkeypatch.setattr(steps, "STEP_NAMES", held)
    monkeypatch.setattr(steps, "graph_steps", lambda: current)
    monkeypatch.setattr(steps, "mappings", lambda: mapped)
    assert refreshed(DEPLOYED, current, mapped) == expected
    steps.main()
    assert deployed_steps() == expected
    assert complaints(deployed_steps(), current, mapped) == []


def test_a_name_that_is_not_mapped_stays() -> None:
    assert [name_after(name, {"Write": "Keep", "Read": ""}) for name in (*DEPLOYED, "Writer")] == [
        "",
        "Keep/Group/Sort",
        "Keep/Store",
        "Writer",
    ]
