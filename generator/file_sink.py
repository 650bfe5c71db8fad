"""Write messages as archived envelopes, one JSON object a line."""

from __future__ import annotations

import gzip
import os
import sys
from base64 import b64encode
from contextlib import ExitStack
from io import BufferedWriter, RawIOBase
from pathlib import Path
from typing import BinaryIO, cast

import orjson

from generator.instants import TimestampText
from generator.ledger import Ledger
from generator.messages import Message
from pipeline.errors import UsageError

_BUFFER_BYTES = 1 << 20


class EnvelopeLines:
    """Message -> its line in an archive; message ids are numbers in the order of asking."""

    def __init__(self) -> None:
        """Count from 1."""
        self._text = TimestampText()
        self._count = 0

    def __call__(self, message: Message) -> bytes:
        """Return the line, with its end."""
        self._count += 1
        line = {
            "data": b64encode(message.payload).decode("ascii"),
            "attributes": message.attributes,
            "message_id": str(self._count),
            "publish_time": self._text.of(message.publish_us),
        }
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


class FileSink:
    """Writes `{"data": "<base64>", "attributes": …, "message_id": …, "publish_time": …}` lines.

    The form in which Pub/Sub messages are archived: every message can be written down, even one that
    is no text, and read back byte for byte. Raises OSError when the disk is full or a pipe closes.
    """

    hopeless = ""

    def __init__(self, path: Path | None, ledger: Ledger) -> None:
        """Open `path` (None: standard output); raises UsageError if that cannot be done."""
        self._ledger = ledger
        self._line_of = EnvelopeLines()
        self._open_files = ExitStack()
        self._out = self._open(path)

    def send(self, message: Message) -> None:
        """Write one message."""
        self._out.write(self._line_of(message))
        self._ledger.count(message)

    def close(self) -> None:
        """Flush and close."""
        self._out.flush()
        self._open_files.close()

    def _open(self, path: Path | None) -> BinaryIO:
        if path is None:
            return cast(BinaryIO, sys.stdout.buffer)
        try:
            raw = self._open_files.enter_context(path.open("wb", buffering=_BUFFER_BYTES))
        except OSError as error:
            raise UsageError(f"--path={path} cannot be written: {os.strerror(error.errno or 0)}.") from error
        if path.suffix != ".gz":
            return raw
        # No name and no time in the header: the same seed gives the same bytes.
        zipped = gzip.GzipFile(filename="", mode="wb", compresslevel=4, fileobj=raw, mtime=0)
        # Many lines at a time: to compress each by itself takes longer than to make it.
        return self._open_files.enter_context(BufferedWriter(cast(RawIOBase, zipped), _BUFFER_BYTES))
