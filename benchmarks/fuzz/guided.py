"""One target under atheris, which keeps and mutates the inputs that reach new code.

    make fuzz [FUZZ_SECONDS=60]

or for one target, in the environment that `make fuzz` has set up:

    .venv-fuzz/bin/python -m benchmarks.fuzz.guided parse_reject -max_total_time=600

What follows the target's name goes to libFuzzer. The corpus grows in benchmarks-output/corpus/; a find ends
the run, and its input is written to benchmarks-output/fuzz/.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

CORPUS = Path("benchmarks-output/corpus")
FINDS = Path("benchmarks-output/fuzz")
INSTRUMENTED = ["pipeline", "main", "alert", "delivery", "delivered", "escalation", "channels", "email"]
"""Packages and modules whose branches are counted; the function's stand alone."""
LONGEST_SECONDS = 10
MEMORY_MB = 2_048


def main() -> None:
    """Fuzz the target that the first argument names, until libFuzzer ends."""
    name, *options = sys.argv[1:]
    atheris = import_module("atheris")  # not among the packages of the other tools
    with atheris.instrument_imports(include=INSTRUMENTED):
        from benchmarks.fuzz.targets import target

        one = target(name)
        one.run(one.seeds()[0])  # imports what it needs only then
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    FINDS.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(one.seeds()):
        (corpus / f"seed-{number:03}").write_bytes(data)
    arguments = [
        sys.argv[0],
        str(corpus),
        f"-artifact_prefix={FINDS}/{name}-",
        f"-timeout={LONGEST_SECONDS}",
        f"-rss_limit_mb={MEMORY_MB}",
        "-max_len=20000",
        "-print_final_stats=1",
        *options,
    ]

    def run(data: bytes) -> None:
        one.run(data)

    atheris.Setup(arguments, run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
