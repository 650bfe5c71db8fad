"""Files of the lake without a person: bytes in, bytes out, everything else as it was."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import zlib
from base64 import b64decode
from collections.abc import Container, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import fastavro
import orjson
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from pipeline.erase.person import Person
from pipeline.errors import PipelineError, in_one_line
from pipeline.lines import read_envelope
from pipeline.replay.letters import attributes_of_row

_UNREADABLE = (
    EOFError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
    pa.ArrowException,
    struct.error,
    zlib.error,
)
"""What the decoders of gzip and Parquet raise for a file that is damaged."""
_LETTER_ROW = b'{"dead_letter_id"'
"""How a row of `dead_letters` begins, as a run without a warehouse has it."""


class Rewritten(NamedTuple):
    """What is left of a file in which the person was."""

    data: bytes
    removed: int
    """Rows, lines or records."""
    kept: int
    """0: nothing is left, and the file can go."""


class FileUnreadable(PipelineError):
    """A file is damaged, or is not what its name says."""


def without_person(
    path: str, data: bytes, person: Person, letter_ids: Container[str] = frozenset()
) -> Rewritten | None:
    """Return the file without the person's rows, or None if the person is not in it.

    A file of events is `.parquet`, one of messages `.avro`, anything else is lines, `.gz` ones compressed.
    `letter_ids` are of dead letters known to be about the person. Raises FileUnreadable.
    """
    with _naming(path):
        if path.endswith(".parquet"):
            return _parquet(data, person)
        if path.endswith(".avro"):
            return _avro(data, person)
        if not path.endswith(".gz"):
            return _lines(data, person, letter_ids)
        found = _lines(gzip.decompress(data), person, letter_ids)
        return found and found._replace(data=gzip.compress(found.data, mtime=0))


def letters_about(path: str, data: bytes, person: Person) -> set[str]:
    """Return the ids of the dead letters about the person, of a file of rows; raises FileUnreadable."""
    with _naming(path):
        rows = [orjson.loads(line) for line in data.split(b"\n") if line.startswith(_LETTER_ROW)]
        return {row["dead_letter_id"] for row in rows if _letter_is_about(row, person)}


@contextmanager
def _naming(path: str) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise FileUnreadable(f"{path} cannot be read: {in_one_line(error)}") from error


def _parquet(data: bytes, person: Person) -> Rewritten | None:
    file = pyarrow.parquet.ParquetFile(io.BytesIO(data))
    named = [name for name in person.ids if name in file.schema_arrow.names]
    if not named:
        return None
    ids = file.read(columns=named)
    is_person = pa.array([False] * ids.num_rows)
    for name in named:
        same = pyarrow.compute.equal(ids[name].combine_chunks(), pa.scalar(person.ids[name]))
        is_person = pyarrow.compute.or_(is_person, pyarrow.compute.fill_null(same, False))
    removed = pyarrow.compute.sum(is_person).as_py() or 0
    if not removed:
        return None
    kept = file.read().filter(pyarrow.compute.invert(is_person))
    sink = io.BytesIO()
    pyarrow.parquet.write_table(kept, sink, compression="zstd")
    return Rewritten(sink.getvalue(), removed, kept.num_rows)


def _lines(data: bytes, person: Person, letter_ids: Container[str]) -> Rewritten | None:
    lines = data.split(b"\n")
    kept = [line for line in lines if not _is_about(line.removesuffix(b"\r"), person, letter_ids)]
    if len(kept) == len(lines):
        return None
    return Rewritten(b"\n".join(kept), len(lines) - len(kept), sum(bool(line.strip()) for line in kept))


def _is_about(line: bytes, person: Person, letter_ids: Container[str]) -> bool:
    envelope = read_envelope(line)
    if envelope is not None:
        return person.is_in(envelope.payload, envelope.attributes)
    if line.startswith(_LETTER_ROW):
        row = orjson.loads(line)
        return row["dead_letter_id"] in letter_ids or _letter_is_about(row, person)
    return person.is_in(line, {})


def _letter_is_about(row: Any, person: Person) -> bool:
    return person.is_in(b64decode(row.get("payload", "")), attributes_of_row(row))


def _avro(data: bytes, person: Person) -> Rewritten | None:
    try:
        reader: Any = fastavro.reader(io.BytesIO(data))
        records: list[Any] = list(reader)
    except Exception as error:  # whatever its decoder stumbles over
        raise ValueError(in_one_line(error)) from error
    kept = [record for record in records if not _record_is_about(record, person)]
    if len(kept) == len(records):
        return None
    sink = io.BytesIO()
    marker = hashlib.sha256(data).digest()[:16]  # the same each time, so that the file's checksum is
    fastavro.writer(sink, reader.writer_schema, kept, codec=reader.codec, sync_marker=marker)
    return Rewritten(sink.getvalue(), len(records) - len(kept), len(kept))


def _record_is_about(record: Any, person: Person) -> bool:
    payload = record["data"] or b""
    payload = payload if isinstance(payload, bytes) else payload.encode()
    return person.is_in(payload, record.get("attributes") or {})
