"""Look before a launch: `python -m pipeline.preflight` with the flags of `python -m pipeline.main`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Sequence

import orjson

from pipeline.errors import ContractFileError, UsageError
from pipeline.options import parse_job
from pipeline.preflight.findings import Check, Finding, State, not_checked
from pipeline.preflight.plan import account_check, checks_of
from pipeline.preflight.running import run_checks

HELP = """\
usage: python -m pipeline.preflight [--json] [--skip_roles] FLAGS OF python -m pipeline.main

Looks at everything the run would touch and changes nothing. Exit code: 0 if nothing is wrong, 1 if something
is, 2 for a wrong flag.

  --json        Print one JSON array of objects with what, state, said, run.
  --skip_roles  Do not ask what this account may do: for one that launches the job and does not run it.

The pipeline's flags:
"""
_WIDTH = max(len(state) for state in State)


def main(argv: Sequence[str] | None = None) -> int:
    """Print a line for each finding; return 0, 1 if something is wrong, 2 for wrong flags."""
    given = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--skip_roles", action="store_true")
    ours, flags = parser.parse_known_args(given)
    if {"-h", "--help"} & set(flags):
        print(HELP)
    try:
        job = parse_job(flags)
    except (UsageError, ContractFileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    # Many checks share one client's few connections, which urllib3 warns of.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    findings: list[Finding] = []
    for finding in _look(account_check(job), checks_of(job), skip_roles=ours.skip_roles):
        findings.append(finding)
        if not ours.json:
            print(to_text(finding), flush=True)
    if ours.json:
        print(orjson.dumps([one._asdict() for one in findings], option=orjson.OPT_INDENT_2).decode())
    else:
        print(_summary(findings))
    return int(any(one.state is State.WRONG for one in findings))


def _look(account: Check, checks: Sequence[Check], *, skip_roles: bool) -> Iterable[Finding]:
    """Without credentials, only what needs none: each of the others would search for them, and find none."""
    nobody = False
    for finding in run_checks([account]):
        nobody = finding.state is State.WRONG
        yield finding
    asked, left = [], []
    for check in checks:
        if skip_roles and check.of_account:
            left.append(not_checked(check.what, "Left out by --skip_roles."))
        elif nobody and check.needs_credentials:
            left.append(not_checked(check.what, "There are no credentials to ask with."))
        else:
            asked.append(check)
    yield from run_checks(asked)
    yield from left


def to_text(finding: Finding) -> str:
    """Return the finding's line: state, what, sentence, command."""
    line = f"{finding.state:<{_WIDTH}}  {finding.what}"
    if finding.said:
        line += f": {finding.said}"
    return f"{line} Run: {finding.run}" if finding.run else line


def _summary(findings: Sequence[Finding]) -> str:
    counts = {state: sum(one.state is state for one in findings) for state in State}
    return ", ".join(f"{count} {state}" for state, count in counts.items())


if __name__ == "__main__":
    sys.exit(main())
