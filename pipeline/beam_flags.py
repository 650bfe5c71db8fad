"""The flags on a command line that are Beam's own."""

from __future__ import annotations

import argparse
import difflib
import multiprocessing
from collections.abc import Sequence

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions

from pipeline.commands import FlagParser
from pipeline.errors import UsageError

_SEVERAL = "multi_processing"
"""What Beam calls a run in several processes."""


def runner_of(beam_args: Sequence[str], parser: argparse.ArgumentParser) -> str:
    """The runner's name, or "" if none is given.

    Raises UsageError for a flag that neither `parser` nor Beam knows: Beam itself ignores it.
    """
    beam_parser = parser_of_beam()
    known, unknown = beam_parser.parse_known_args(list(beam_args))
    if unknown:
        flag = unknown[0].split("=", 1)[0]
        names = [*parser._option_string_actions, *beam_parser._option_string_actions]
        near = difflib.get_close_matches(flag, names, n=1)
        hint = f"did you mean {near[0]}?" if near else "--help lists the flags."
        raise UsageError(f"{unknown[0]} is not a flag of this pipeline or of Beam: {hint}")
    return known.runner or ""


def without_runner(beam_args: Sequence[str]) -> list[str]:
    """The other flags."""
    parser = FlagParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--runner")
    return parser.parse_known_args(list(beam_args))[1]


def in_processes(beam_args: list[str]) -> tuple[list[str], int]:
    """(flags, how many workers are processes): several are, unless threads are asked for.

    Python runs threads one at a time. Raises UsageError for fewer workers than none.
    """
    direct = PipelineOptions(beam_args).view_as(DirectOptions)
    if direct.direct_num_workers < 0:
        raise UsageError(
            f"--direct_num_workers={direct.direct_num_workers} is no number of workers: name one, or 0 for "
            "as many as there are cores."
        )
    workers = direct.direct_num_workers or multiprocessing.cpu_count()  # as Beam counts them
    if direct.direct_num_workers == 1 or direct.direct_running_mode != "in_memory":
        return beam_args, workers if direct.direct_running_mode == _SEVERAL else 0
    return [*beam_args, f"--direct_running_mode={_SEVERAL}"], workers


def parser_of_beam() -> FlagParser:
    """Every flag that Beam's own options declare."""
    parser = _BeamFlags(add_help=False, allow_abbrev=False)
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    return parser


class _BeamFlags(FlagParser):
    """Takes the flags that Beam's own options declare."""

    def add_value_provider_argument(self, *names: str, **settings: object) -> None:
        """Declare a Beam flag that a classic template could fill later; here it is an ordinary one."""
        self.add_argument(*names, **settings)  # type: ignore[arg-type]
