"""The quickest thing a user would write for one machine: a DuckDB script, duckdb_script.sql, two threads.

It checks that a line is JSON in UTF-8, type, id and version, required fields, numbers, lower limits, word
lists, lengths, the country's form and RFC 3339 times with six digits and Z; it takes the first of equal ids
that comes by. It does not see fields the contract does not declare, equal keys, a number where a string
belongs, an integer beyond 64 bits rounded to a double, half surrogates or deep nesting in fields it drops;
its dead letters have one reason and no list of errors, and those that are no UTF-8 not their own bytes. It
holds everything in memory and must be started anew after a crash.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.backfill.peers.arguments import parse_arguments

SCRIPT = Path(__file__).with_suffix(".sql")
THREADS = 2


def run(pattern: str, output: str) -> None:
    """Run the script; raises duckdb.Error."""
    for folder in ("processed", "tables/order_metrics", "tables/dead_letters"):
        Path(output, folder).mkdir(parents=True, exist_ok=True)
    script = SCRIPT.read_text()
    places = {
        "input": pattern,
        "lake": f"{output}/processed",
        "metrics": f"{output}/tables/order_metrics/all.jsonl",
        "dead_letters": f"{output}/tables/dead_letters/all.jsonl",
    }
    for name, place in places.items():
        script = script.replace(f"${name}", "'" + place.replace("'", "''") + "'")
    with duckdb.connect() as connection:
        connection.execute(f"SET threads = {THREADS}")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(script)


def main() -> None:
    """Run."""
    arguments = parse_arguments(__doc__)
    run(arguments.input, arguments.output)


if __name__ == "__main__":
    main()
