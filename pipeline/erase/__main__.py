"""Remove a person from tables, dead letters and lake.

    python -m pipeline.erase --customer_id=ID --bq_dataset=PROJECT:DATASET --output_bucket=gs://BUCKET

looks everywhere, writes down what is to go, and changes nothing; with --apply it goes. docs/privacy.md
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pipeline.commands import exit_code
from pipeline.erase.options import EraseJob, parse_erase
from pipeline.erase.plan import make_plan, summary, write_plan
from pipeline.erase.removal import carry_out
from pipeline.replay.report import Progress


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, 1 if something is left, 2 if a flag is wrong."""
    return exit_code(lambda: _run(parse_erase(sys.argv[1:] if argv is None else argv)))


def _run(job: EraseJob) -> int:
    progress = Progress(sys.stderr)
    plan = make_plan(job, progress.show)
    progress.clear()
    write_plan(plan, job)
    print(f"{plan.objects:,} objects read; found:")
    print("\n".join(summary(plan, job)))
    if not plan.objects:
        print(f"no file of the pipeline lies under {job.root}: is that the lake?")
    left = [f"{sentence}: mend it, and run this again" for sentence in plan.unread]
    if job.apply:
        left += carry_out(plan, job, progress.show)
        progress.clear()
        print(
            "done, but for what is named below"
            if left
            else "done: run it once more to see that nothing is left"
        )
    elif plan.rows or plan.findings:
        print(f"nothing is changed: read {job.plan}/, which holds the person's ids, then add --apply")
        if any(finding.change for finding in plan.findings):
            print("files of raw/ will change: let no backfill read them meanwhile")
    for sentence in left:
        print(f"left: {sentence}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
