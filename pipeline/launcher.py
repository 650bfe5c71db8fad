"""What the Flex Template's launcher runs, in the image that is also the workers'."""

from __future__ import annotations

import argparse
import difflib
import logging
import os
import sys
from collections.abc import Mapping, Sequence

from pipeline import main as pipeline_main
from pipeline.beam_flags import parser_of_beam
from pipeline.errors import UsageError
from pipeline.flags import all_flags

LOGGER = logging.getLogger(__name__)
IMAGE_VARIABLE = "PIPELINE_IMAGE"
"""The image's own name; set when it is built."""
IMAGE_FLAG = "--sdk_container_image"
SO_CLOSE = 0.85
"""How alike, from 0 to 1, an unknown flag and one of ours are if the one is taken for a slip of the other.
The flags of Beam for Java, such as --bigquery_project, are at 0.76 or less."""


def launch_arguments(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Add what holds for every launch, unless it is given: the workers' image, and no pickled main session.

    The workers run the image that this process runs in. Raises UsageError if it does not know its name:
    Dataflow would take Beam's own image, which lacks this package. The session would be that of the
    launcher's main.py, which holds nothing; Beam pickles it for Dataflow by default. Raises UsageError for a
    flag that `known_arguments` refuses, too.
    """
    arguments = known_arguments(arguments)
    given = {argument.split("=", 1)[0] for argument in arguments}
    more = [] if given & {"--save_main_session", "--no_save_main_session"} else ["--no_save_main_session"]
    if IMAGE_FLAG not in given:
        image = environment.get(IMAGE_VARIABLE)
        if not image:
            raise UsageError(
                "the workers' image is not known: build the image with --build-arg=IMAGE=its-name, which "
                f"sets {IMAGE_VARIABLE}, or launch with {IMAGE_FLAG}."
            )
        more.append(f"{IMAGE_FLAG}={image}")
    return [*arguments, *more]


def known_arguments(arguments: Sequence[str]) -> list[str]:
    """The arguments in the form that Beam for Python reads, without flags that nobody here knows.

    Dataflow makes flags of the launch's environment for every language alike: --enable_streaming_engine=true,
    where Beam for Python wants no value, or a flag that only Beam for Java has. A launch must not fail over
    those. What is dropped is named in a warning.

    A misspelt parameter of a launch never comes here, as Dataflow checks them against metadata.json. Should
    one come by another way, it is told from Dataflow's flags by being close to one of ours: raises UsageError
    for it.
    """
    ours = [f"--{name}" for flag in all_flags() for name in (flag.name, flag.also) if name]
    beams = parser_of_beam()._option_string_actions
    kept: list[str] = []
    dropped: list[str] = []
    for argument in arguments:
        name = argument.split("=", 1)[0]
        if name in beams:
            kept += _without_value(argument, beams)
        elif name in ours or name == "--help" or not name.startswith("--"):
            kept.append(argument)
        elif near := difflib.get_close_matches(name, ours, n=1, cutoff=SO_CLOSE):
            raise UsageError(f"{name} is not a flag of this pipeline or of Beam: did you mean {near[0]}?")
        else:
            dropped.append(name)
    if dropped:
        LOGGER.warning("left out, as neither Beam nor this pipeline knows them: %s", ", ".join(dropped))
    return kept


def _without_value(argument: str, beams: Mapping[str, argparse.Action]) -> list[str]:
    """For a flag without a value that is given true or false: the flag, or the one that says the opposite.

    No flag where Beam has no opposite, as then the flag only switches on what is off without it. The one that
    is not, --enable_streaming_engine, does nothing: every streaming job in Python has the engine.
    """
    name, _, value = argument.partition("=")
    switch = beams[name]
    if switch.nargs != 0 or value.lower() not in ("true", "false"):
        return [argument]
    if value.lower() == "true":
        return [name]
    same = (each for each in beams.values() if each.dest == switch.dest and each.const != switch.const)
    return [each.option_strings[0] for each in same]


def main() -> int:
    """Submit the job and return, without waiting for it. Returns what pipeline.main returns."""
    try:
        # Not only given to our own parser: Beam's file systems read sys.argv, too.
        sys.argv[1:] = launch_arguments(sys.argv[1:], os.environ)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return pipeline_main.main()
