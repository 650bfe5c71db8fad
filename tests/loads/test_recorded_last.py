"""In the whole graph nothing is recorded before every sink is done, whatever order a runner takes."""

from __future__ import annotations

import re
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipeline.checksums import FileToLoad
from pipeline.elements import ByteRange
from pipeline.file_source import FileSource
from pipeline.files import InputFile
from pipeline.graph import build_graph
from pipeline.loads import Loads
from pipeline.options import parse_job
from pipeline.read_counter import ReadCounter

SINK = re.compile(r".*/(InsertEvents|InsertRows|Store|Publish|WriteFile|WriteLargeParts|Send)(/|$)")
RECORD = "RecordLoads/Record"


class _Steps(PipelineVisitor):
    def __init__(self) -> None:
        self.by_name: dict[str, AppliedPTransform] = {}

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        self.by_name[transform_node.full_label] = transform_node


def waited_for(step: AppliedPTransform) -> set[str]:
    """The steps that a runner of bounded data completes before it begins with `step`.

    Those behind a main input may still be at work, in the same bundle.
    """
    found: set[str] = set()
    pending = [side.pvalue.producer for side in step.side_inputs]
    while pending:
        before = pending.pop()
        if before.full_label not in found:
            found.add(before.full_label)
            pending += [each.producer for each in before.inputs if each.producer is not None]
            pending += [side.pvalue.producer for side in before.side_inputs]
    return found


@pytest.mark.parametrize("dataset", ["local-shop:shop", "none"])
def test_the_record_waits_for_every_sink(dataset: str, tmp_path: Path) -> None:
    flags = ["--is_backfill", "--input_path=a", f"--output_bucket={tmp_path}", f"--bq_dataset={dataset}"]
    job = parse_job(flags)
    loads = Loads((FileToLoad(InputFile("a", 1), "md5"),), "run", job.graph.tables)
    source = FileSource([ByteRange("a", 0, 1)], loads, job.graph.parse, 8, ReadCounter())
    pipeline = beam.Pipeline(runner=FnApiRunner())
    build_graph(pipeline, source, job.graph)
    steps = _Steps()
    pipeline.visit(steps)

    sinks = {name for name in steps.by_name if SINK.match(name)}

    # Lake in two ways, dead letters of parse and BigQuery in table and topic, three of metrics, alerts.
    assert len(sinks) >= 9
    (record,) = [step for name, step in steps.by_name.items() if name.startswith(RECORD)]
    assert sinks - waited_for(record) == set()
