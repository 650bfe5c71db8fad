"""One HTML page about what a demo or a stack has left in its warehouse; it loads nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from local.errors import StackError
from local.report.page import write_page
from local.report.queries import Between, collect_findings
from local.sql import open_warehouse
from local.state import write_atomically


def write_report(
    state: Path, output: Path, since: datetime | None = None, until: datetime | None = None
) -> None:
    """Write the page about the warehouse in `state` to the file `output`, whose folder is made.

    Raises: QueryError if there is no warehouse, StackError if the file cannot be written.
    """
    between = Between(since, until)
    with open_warehouse(state) as ask:
        findings = collect_findings(ask, between)
    page = write_page(findings, between, datetime.now(UTC))
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(output, page)
    except OSError as error:
        raise StackError(f"The report {output} cannot be written: {error.strerror}.") from None
