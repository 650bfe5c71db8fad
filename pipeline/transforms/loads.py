"""The audit trail of a backfill: which files it has loaded, recorded when all else is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics

from pipeline.bigquery_rows import Row
from pipeline.checksums import FileToLoad
from pipeline.chunks import Chunk, nothing
from pipeline.clock import now_us
from pipeline.elements import DeadLetter, Event
from pipeline.loads import LOAD_METADATA, Loads
from pipeline.rfc3339 import format_rfc3339
from pipeline.rows import row_of

ROWS_IN_A_REQUEST = 50_000
"""As many as BigQuery takes: files of one run that were recorded in part would be counted twice."""


class LoadOutcomes(NamedTuple):
    """What became of the messages, and everything that must be complete before a file counts as loaded."""

    accepted: beam.PCollection  # list[Event]
    duplicates: beam.PCollection  # list[Event]
    rejected: Mapping[str, beam.PCollection]  # list[DeadLetter], by where they were refused
    written: tuple[beam.PCollection, ...]  # anything, each once it is written


class FileCounts(NamedTuple):
    """What became of some messages of one file."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0


class RecordLoads(beam.PTransform):
    """Write a row of `_load_metadata` for each file, and all of them only when all else is written.

    Counts and completeness come as side inputs, for which a runner of bounded data waits.

    Input: LoadOutcomes. Output: list[Row], once it is written.
    Raises in the bundle what Tables.write raises.
    """

    def __init__(self, loads: Loads) -> None:
        super().__init__()
        self.loads = loads

    def expand(self, outcomes: LoadOutcomes) -> beam.PCollection:
        counts = (
            [
                outcomes.accepted | "CountAccepted" >> _count("accepted"),
                outcomes.duplicates | "CountDuplicates" >> _count("duplicates"),
                *(
                    letters | f"CountRejected{stage}" >> _count("rejected")
                    for stage, letters in outcomes.rejected.items()
                ),
            ]
            | "AllCounts" >> beam.Flatten()
            | "AddUp" >> beam.CombinePerKey(add_up)
        )  # (path, FileCounts)
        finished = (
            tuple(
                each | f"AwaitWritten{number}" >> beam.FlatMap(nothing).with_output_types(bytes)
                for number, each in enumerate(outcomes.written)
            )
            | "AllWritten" >> beam.Flatten()
        )  # nothing, ever
        return (
            outcomes.accepted.pipeline
            | "ListFiles" >> beam.Create([self.loads.files])
            | "Record"
            >> beam.ParDo(
                _Record(self.loads), beam.pvalue.AsDict(counts), beam.pvalue.AsList(finished)
            ).with_output_types(Chunk)
        )


def count_by_file(elements: Iterable[Event | DeadLetter]) -> Counter[str]:
    """How many elements come from each file; those from no file are left out."""
    counts: Counter[str] = Counter()
    for byte_range, number in Counter([each.message.read_from for each in elements]).items():
        if byte_range is not None:
            counts[byte_range.path] += number
    return counts


def add_up(counts: Iterable[FileCounts]) -> FileCounts:
    """The sum."""
    return FileCounts(*(sum(column) for column in zip(FileCounts(), *counts, strict=True)))


def load_rows(loads: Loads, counts: Mapping[str, FileCounts], loaded_at_us: int) -> list[Row]:
    """The rows of `_load_metadata`, one for each file, also for one without a message."""
    return [
        _load_row(each, counts.get(each.file.path, FileCounts()), loads.run_id, loaded_at_us)
        for each in loads.files
    ]


def _load_row(loaded: FileToLoad, counts: FileCounts, run_id: str, loaded_at_us: int) -> Row:
    columns = {
        "file_path": loaded.file.path,
        "md5": loaded.md5,
        "bytes": loaded.file.size,
        "rows": sum(counts),
        **counts._asdict(),
        "run_id": run_id,
        "loaded_at": format_rfc3339(loaded_at_us),
    }
    return row_of(columns, key=(run_id, loaded.file.path, loaded.md5))


def _count(outcome: str) -> beam.ParDo:
    return beam.ParDo(_CountByFile(outcome)).with_output_types(tuple[str, FileCounts])


class _CountByFile(beam.DoFn):
    def __init__(self, outcome: str) -> None:
        self.outcome = outcome

    def process(self, elements: list[Event] | list[DeadLetter]) -> Iterator[tuple[str, FileCounts]]:
        for path, number in count_by_file(elements).items():
            yield path, FileCounts(**{self.outcome: number})


class _Record(beam.DoFn):
    def __init__(self, loads: Loads) -> None:
        # In a file nobody would find it: the next run would load everything again.
        insert = loads.tables.insert._replace(max_batch_rows=ROWS_IN_A_REQUEST, on_outage=None)
        self.loads = loads._replace(tables=loads.tables._replace(insert=insert))
        self.recorded = Metrics.counter("loads", "files_recorded")
        self.counted = {outcome: Metrics.counter("loads", outcome) for outcome in FileCounts._fields}

    def process(
        self, _: tuple[FileToLoad, ...], counts: Mapping[str, FileCounts], finished: list[bytes]
    ) -> Iterator[list[Row]]:
        rows = load_rows(self.loads, counts, now_us())
        self.loads.tables.write(LOAD_METADATA, rows)
        self.recorded.inc(len(rows))
        for outcome, number in add_up(counts.values())._asdict().items():
            self.counted[outcome].inc(number)
        yield rows
