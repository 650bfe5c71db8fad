"""The pipeline, but each object takes DELAY_SECONDS more to be written, as in a distant bucket."""

from __future__ import annotations

import sys
import time

from pipeline import objects
from pipeline.main import main

DELAY_SECONDS = 0.1


def _from_far_away() -> None:
    """Slow writes down here, and so in the workers that are forked from here."""
    write = objects._write_file

    def write_slowly(path: str, data: bytes) -> None:
        time.sleep(DELAY_SECONDS)
        write(path, data)

    objects._write_file = write_slowly


if __name__ == "__main__":
    _from_far_away()
    sys.exit(main())
