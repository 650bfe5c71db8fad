"""Reading newline-delimited files, in chunks: what a backfill has instead of a subscription."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

import apache_beam as beam
from apache_beam.internal.gcp import auth
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.transforms.window import TimestampedValue

from pipeline.elements import RawMessage
from pipeline.errors import UsageError
from pipeline.lines import split_lines, to_messages
from pipeline.source import Ignore
from pipeline.windows import beam_timestamp

CHUNK_BYTES = 1_000_000
RANGE_BYTES = 16_000_000
"""What one worker reads at a time of a file that is not compressed."""


class InputFile(NamedTuple):
    """A file to read."""

    path: str
    size: int
    """In bytes, as it lies there."""


class ByteRange(NamedTuple):
    """The lines of a file that begin within [start, end)."""

    path: str
    start: int
    end: int


class FileSource(NamedTuple):
    """Files that match `input_path`, a glob of local files or of `gs://` objects, plain or `.gz`."""

    ranges: tuple[ByteRange, ...]

    def read(self) -> beam.PTransform:
        """PBegin -> list[RawMessage]."""
        return ReadFiles(self.ranges)

    def observe_written(self) -> beam.PTransform:
        """Nobody listens."""
        return Ignore()

    def acknowledge(self) -> beam.PTransform:
        """There is nothing to acknowledge."""
        return Ignore()


class ReadFiles(beam.PTransform):
    """Read byte ranges of files, line by line but chunk-wise.

    Output: list[RawMessage], about `CHUNK_BYTES` each, stamped with the earliest publish time in it.
    """

    def __init__(self, ranges: tuple[ByteRange, ...]) -> None:
        super().__init__()
        self.ranges = ranges

    def expand(self, begin: beam.pvalue.PBegin) -> beam.PCollection:
        return (
            begin
            | "ListRanges" >> beam.Create(self.ranges)
            | "SpreadRanges" >> beam.Reshuffle()
            | "ReadRange" >> beam.ParDo(_ReadRange()).with_output_types(list)
        )


def find_files(input_path: str) -> tuple[InputFile, ...]:
    """What there is to read, ordered by path.

    Raises UsageError with one sentence if nothing matches or a match cannot be opened.
    """
    _be_anonymous_towards_an_emulator()
    try:
        (match,) = FileSystems.match([input_path])
    except Exception as error:  # Beam wraps whatever the file system says in an error of its own
        raise UsageError(f"--input_path={input_path} cannot be listed: {_reason(error)}") from error
    if not match.metadata_list:
        raise UsageError(f"--input_path={input_path} matches no file: check the path, and quote the glob.")
    files = [InputFile(each.path, each.size_in_bytes) for each in match.metadata_list]
    for file in files:
        try:
            open_file(file.path).close()
        except Exception as error:
            raise UsageError(f"--input_path: {file.path} cannot be read: {_reason(error)}") from error
    return tuple(sorted(files))


def cut_into_ranges(files: Iterable[InputFile]) -> tuple[ByteRange, ...]:
    """The ranges that together are all lines of `files`; a compressed file is one range."""
    ranges: list[ByteRange] = []
    for path, size in files:
        step = size if path.endswith(".gz") else RANGE_BYTES
        ranges += [ByteRange(path, start, min(start + step, size)) for start in range(0, size, step or 1)]
    return tuple(ranges)


def read_chunks(byte_range: ByteRange) -> Iterator[list[RawMessage]]:
    """The messages of a range, in chunks.

    Raises OSError, or gzip.BadGzipFile, if the file cannot be read.
    """
    path = byte_range.path
    with open_file(path) as raw:
        if path.endswith(".gz"):
            with gzip.GzipFile(fileobj=raw) as unzipped:
                yield from _chunks(path, unzipped, 0, None)
        else:
            offset = _seek_line(raw, byte_range.start)
            yield from _chunks(path, raw, offset, byte_range.end)


def _chunks(
    path: str, file: IO[bytes] | gzip.GzipFile, offset: int, end: int | None
) -> Iterator[list[RawMessage]]:
    while end is None or offset < end:
        wanted = CHUNK_BYTES if end is None else min(CHUNK_BYTES, end - offset)
        data = file.read(wanted)
        if not data:
            return
        if not data.endswith(b"\n"):
            data += file.readline()
        messages = to_messages(path, split_lines(data, offset))
        offset += len(data)
        if messages:
            yield messages


def _seek_line(file: IO[bytes], start: int) -> int:
    """Move to the first line that begins at `start` or later, and return where that is."""
    if start == 0:
        return 0
    file.seek(start - 1)
    return start - 1 + len(file.readline())


def open_file(path: str) -> IO[bytes]:
    """Open a local file or a `gs://` object for reading its bytes as they are."""
    _be_anonymous_towards_an_emulator()
    file: IO[bytes] = FileSystems.open(
        path, mime_type="application/octet-stream", compression_type=CompressionTypes.UNCOMPRESSED
    )
    return file


def _be_anonymous_towards_an_emulator() -> None:
    """Beam has no other way to say so, and looks for credentials for half a minute."""
    if os.environ.get("STORAGE_EMULATOR_HOST"):
        auth._Credentials._credentials_init = True


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


class _ReadRange(beam.DoFn):
    def process(self, byte_range: ByteRange) -> Iterator[TimestampedValue]:
        for messages in read_chunks(byte_range):
            published = [m.publish_time_us for m in messages if m.publish_time_us is not None]
            yield TimestampedValue(messages, beam_timestamp(min(published, default=0)))
