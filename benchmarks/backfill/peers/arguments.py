"""What every peer is told."""

from __future__ import annotations

import argparse


def parse_arguments(description: str | None) -> argparse.Namespace:
    """`input`, a glob of plain files, and `output`, a folder that need not exist."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", required=True, help="glob of plain .jsonl files")
    parser.add_argument("--output", required=True, help="folder for what comes out")
    return parser.parse_args()
