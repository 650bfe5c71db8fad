"""The graph's step names, those of the deployed job, and whether the one can be updated to the other.

    python -m tests.graph.steps

writes step_names.txt anew. Dataflow finds a step's state by its name, so what was renamed must be mapped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner

from pipeline.graph import build_graph
from pipeline.options import parse_job
from pipeline.source import PubSubSource

FLAGS = (
    "--input_subscription=projects/my-project/subscriptions/events-sub",
    "--output_bucket=gs://shop-events-output",
    "--bq_dataset=my-project:shop",
)
STEP_NAMES = Path(__file__).with_name("step_names.txt")
MAPPINGS = Path(__file__).parents[2] / "deploy" / "transform_names.json"


class _StepNames(PipelineVisitor):
    def __init__(self) -> None:
        self.names: list[str] = []

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        self.names.append(transform_node.full_label)


def graph_steps() -> list[str]:
    """The full names of the streaming graph's steps as the code has them, sorted; composites are left out."""
    pipeline = beam.Pipeline(runner=BundleBasedDirectRunner(), options=PipelineOptions(["--streaming"]))
    build_graph(
        pipeline, PubSubSource("projects/my-project/subscriptions/events-sub"), parse_job(FLAGS).graph
    )
    visitor = _StepNames()
    pipeline.visit(visitor)
    return sorted(visitor.names)


def deployed_steps() -> list[str]:
    """The names of the job that is deployed, as step_names.txt has them."""
    return STEP_NAMES.read_text(encoding="utf-8").splitlines()


def mappings() -> dict[str, str]:
    """Old names and their new ones, as deploy/transform_names.json has them."""
    content: dict[str, str] = json.loads(MAPPINGS.read_text(encoding="utf-8"))
    return content


def name_after(name: str, mapped: Mapping[str, str]) -> str:
    """What a deployed step is called after the update; "" if it is dropped.

    As on Dataflow a mapping also holds for what lies in the step, and the longest one counts.
    """
    prefix = name
    while prefix:
        if prefix in mapped:
            return mapped[prefix] and mapped[prefix] + name[len(prefix) :]
        prefix = prefix.rpartition("/")[0]
    return name


def complaints(deployed: Collection[str], current: Collection[str], mapped: Mapping[str, str]) -> list[str]:
    """Why a job of the deployed steps cannot become one of the current steps, a sentence each.

    Empty if it can. A new step is no obstacle; it is complained of so that step_names.txt comes to hold it:
    else nobody would notice when it is renamed later.
    """
    found = []
    for name in deployed:
        after = name_after(name, mapped)
        if after == name and name not in current:
            found.append(f"{name} is gone: map it in {MAPPINGS.name}, or map it to '' to drop its state.")
        elif after and after not in current:
            found.append(f"{name} is mapped to {after}, which is no step of the graph.")
    found += [
        f"{old} is mapped, and is no deployed step: take it out of {MAPPINGS.name}."
        for old in mapped
        if not any(f"{name}/".startswith(f"{old}/") for name in deployed)
    ]
    new = sorted(set(current) - set(deployed) - {name_after(name, mapped) for name in deployed})
    if new and not found:
        found.append(f"{', '.join(new)}: new, and no obstacle; now run python -m tests.graph.steps")
    return found


def refreshed(deployed: Collection[str], current: Collection[str], mapped: Mapping[str, str]) -> list[str]:
    """What step_names.txt must hold: the current steps, sorted.

    While mappings wait to be deployed, the deployed ones and what has come since; the renamed ones come when
    the mappings are gone.
    """
    if not mapped:
        return sorted(current)
    renamed = {name_after(name, mapped) for name in deployed}
    return sorted({*deployed, *set(current) - renamed})


def main() -> None:
    """Write step_names.txt anew."""
    names = refreshed(deployed_steps(), graph_steps(), mappings())
    STEP_NAMES.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    print(f"{STEP_NAMES.name} holds {len(names)} names", file=sys.stderr)


if __name__ == "__main__":
    main()
