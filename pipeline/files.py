"""Finding and reading files, in ranges and blocks of lines: what a backfill has instead of a subscription."""

from __future__ import annotations

import gzip
import os
import zlib
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from typing import IO, NamedTuple

import google.auth
from apache_beam.internal.gcp import auth
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from google.auth.exceptions import DefaultCredentialsError

from pipeline.avro_files import check_avro, read_avro
from pipeline.elements import ByteRange, RawMessage
from pipeline.errors import PipelineError, UsageError, in_one_line
from pipeline.lines import read_message_at, read_messages

BLOCK_BYTES = 4_000_000
"""What goes through the graph at a time: about as many lines as that, uncompressed."""
RANGE_BYTES = 16_000_000
"""What one worker takes at a time of a file that can be cut, about."""
AVRO = ".avro"
_WHOLE = (".gz", AVRO)
"""Files that only make sense from their beginning."""


class InputFile(NamedTuple):
    """A file to read."""

    path: str
    size: int
    """In bytes, as it lies there."""


class Block(NamedTuple):
    """Whole lines of a file."""

    offset: int
    """The first byte, from the start of the uncompressed file."""
    data: bytes


class FileDamaged(PipelineError):
    """A file ends in the middle or cannot be decompressed."""


def find_files(input_path: str) -> tuple[InputFile, ...]:
    """What there is to read, ordered by path.

    Raises UsageError with one sentence if nothing matches or a match cannot be opened, and
    DefaultCredentialsError if a bucket cannot be listed and nothing says who asks.
    """
    is_known = introduce_to_google(input_path)
    try:
        (match,) = FileSystems.match([input_path])
    except Exception as error:  # Beam wraps whatever the file system says in an error of its own
        if not is_known:
            raise DefaultCredentialsError from error
        raise UsageError(f"--input_path={input_path} cannot be listed: {in_one_line(error)}") from error
    if not match.metadata_list:
        raise UsageError(f"--input_path={input_path} matches no file: check the path, and quote the glob.")
    files = [InputFile(each.path, each.size_in_bytes) for each in match.metadata_list]
    for file in files:
        _check(file)
    return tuple(sorted(files))


def _check(file: InputFile) -> None:
    try:
        with open_file(file.path) as opened:
            if file.path.endswith(AVRO) and file.size:
                check_avro(file.path, opened)
            elif file.path.endswith(".gz") and file.size and opened.read(2) != b"\x1f\x8b":
                raise UsageError(f"--input_path: {file.path} is not compressed by gzip, whatever its name.")
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"--input_path: {file.path} cannot be read: {in_one_line(error)}") from error


def cut_into_ranges(files: Iterable[InputFile]) -> tuple[ByteRange, ...]:
    """The ranges that together are all lines of `files`; those of a file are equally long."""
    ranges: list[ByteRange] = []
    for path, size in files:
        step = size if path.endswith(_WHOLE) else _equal_parts(size, RANGE_BYTES)
        ranges += [ByteRange(path, start, min(start + step, size)) for start in range(0, size, step or 1)]
    return tuple(ranges)


def _equal_parts(size: int, about: int) -> int:
    """The length of equal parts of `size` bytes that are nearest to `about` bytes."""
    return -(-size // max(1, round(size / about)))


class ReadChunk(NamedTuple):
    """What stands in a block."""

    messages: list[RawMessage]
    apart: list[tuple[int, RawMessage]]
    """(place, message) of those that were asked for apart."""


def read_chunks(byte_range: ByteRange, apart: Collection[int] = ()) -> Iterator[ReadChunk]:
    """The messages of a range, a chunk for each block, and apart from them those at the places `apart`.

    A place is the offset of a line, or in an Avro file the number of a record.
    Raises FileDamaged, AvroFileError, or OSError if the file cannot be read.
    """
    places = sorted(apart)
    among = frozenset(places)
    if byte_range.path.endswith(AVRO):
        for first, messages in read_records(byte_range):
            numbered = list(enumerate(messages, first))
            yield ReadChunk(
                [each for place, each in numbered if place not in among],
                [(place, each) for place, each in numbered if place in among],
            )
        return
    for offset, data in read_blocks(byte_range):
        here = places[bisect_left(places, offset) : bisect_left(places, offset + len(data))]
        yield ReadChunk(
            read_messages(byte_range, data, offset, among),
            [(place, read_message_at(byte_range, data, offset, place)) for place in here],
        )


def read_places(byte_range: ByteRange, places: Collection[int]) -> Iterator[tuple[int, RawMessage]]:
    """(place, message) of the messages at some places of a range, and nothing of the others.

    Raises as read_chunks.
    """
    if byte_range.path.endswith(AVRO):
        among = frozenset(places)
        for first, messages in read_records(byte_range):
            yield from ((place, each) for place, each in enumerate(messages, first) if place in among)
        return
    wanted = sorted(places)
    for offset, data in read_blocks(byte_range):
        for place in wanted[bisect_left(wanted, offset) : bisect_left(wanted, offset + len(data))]:
            yield place, read_message_at(byte_range, data, offset, place)


def read_records(whole: ByteRange) -> Iterator[tuple[int, list[RawMessage]]]:
    """(number of the first, messages) of an Avro file, a chunk at a time."""
    first = 0
    with open_file(whole.path) as raw:
        for messages in read_avro(whole, raw, BLOCK_BYTES):
            yield first, messages
            first += len(messages)


def read_blocks(byte_range: ByteRange) -> Iterator[Block]:
    """The lines of a range of a plain or compressed text file.

    Raises FileDamaged, or OSError if the file cannot be read.
    """
    path = byte_range.path
    with open_file(path) as raw:
        if path.endswith(".gz"):
            try:
                with gzip.GzipFile(fileobj=raw) as unzipped:
                    yield from _blocks(unzipped, 0, None)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise FileDamaged(f"{path} is cut off or damaged: {in_one_line(error)}") from error
        else:
            yield from _blocks(raw, _seek_line(raw, byte_range.start), byte_range.end)


def _blocks(file: IO[bytes] | gzip.GzipFile, offset: int, end: int | None) -> Iterator[Block]:
    length = BLOCK_BYTES if end is None else _equal_parts(end - offset, BLOCK_BYTES)
    while end is None or offset < end:
        data = file.read(length if end is None else min(length, end - offset))
        if not data:
            return
        if not data.endswith(b"\n"):
            data += file.readline()
        yield Block(offset, data)
        offset += len(data)


def _seek_line(file: IO[bytes], start: int) -> int:
    """Move to the first line that begins at `start` or later, and return where that is."""
    if start == 0:
        return 0
    file.seek(start - 1)
    return start - 1 + len(file.readline())


def at_once(paths: Iterable[str]) -> int:
    """How many files to read side by side: objects answer slowly, local files take turns at the cores."""
    return 16 if any(path.startswith("gs://") for path in paths) else os.cpu_count() or 1


def open_file(path: str) -> IO[bytes]:
    """Open a local file or a `gs://` object for reading its bytes as they are."""
    _be_anonymous_towards_an_emulator()
    file: IO[bytes] = FileSystems.open(
        path, mime_type="application/octet-stream", compression_type=CompressionTypes.UNCOMPRESSED
    )
    return file


def introduce_to_google(path: str) -> bool:
    """Let Beam read `path` as who we are, or as nobody; whether we are somebody, or it makes no difference.

    For the program alone: Beam itself looks five times for credentials, half a minute, before it reads as
    nobody does, and a worker in the cloud may need that when it starts.
    """
    _be_anonymous_towards_an_emulator()
    if not path.startswith("gs://") or os.environ.get("STORAGE_EMULATOR_HOST"):
        return True
    beams = auth._Credentials
    if not beams._credentials_init:
        try:
            google.auth.default()
        except DefaultCredentialsError:
            beams._credentials_init = True
    return not beams._credentials_init or beams._credentials is not None


def _be_anonymous_towards_an_emulator() -> None:
    """Beam has no other way to say so, and looks for credentials for half a minute."""
    if os.environ.get("STORAGE_EMULATOR_HOST"):
        auth._Credentials._credentials_init = True
