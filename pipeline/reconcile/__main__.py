"""Compare what was published, the ledger and the tables: `python -m pipeline.reconcile --bq_dataset=… …`."""

from __future__ import annotations

import logging
import sqlite3
import sys
import tempfile
from collections.abc import Sequence

from pipeline.commands import exit_code, log_to_stderr
from pipeline.errors import PipelineError
from pipeline.reconcile.options import parse_reconcile
from pipeline.reconcile.report import text_lines, to_json
from pipeline.reconcile.run import reconcile


def main(argv: Sequence[str] | None = None) -> int:
    """Compare, and say what was found.

    Returns 0 if all agree; 1 for a gap, or for a failure on the way; 2 for a wrong flag, manifest, contract,
    file or dataset.
    """
    log_to_stderr(logging.WARNING)
    return exit_code(lambda: _run(sys.argv[1:] if argv is None else argv))


def _run(argv: Sequence[str]) -> int:
    job = parse_reconcile(argv)
    try:
        found = reconcile(job)
    except sqlite3.OperationalError as error:
        folder = tempfile.gettempdir()
        raise PipelineError(
            f"the ids do not fit into a file in {folder} ({error}): let TMPDIR name a roomier disk."
        ) from error
    print(to_json(found) if job.json else "\n".join(text_lines(found)), flush=True)
    return 1 if found.gaps else 0


if __name__ == "__main__":
    sys.exit(main())
