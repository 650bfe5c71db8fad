"""What the Flex Template's launcher runs, in the image that is also the workers'."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from pipeline import main as pipeline_main
from pipeline.errors import UsageError

IMAGE_VARIABLE = "PIPELINE_IMAGE"
"""The image's own name; set when it is built."""
IMAGE_FLAG = "--sdk_container_image"


def launch_arguments(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Add what holds for every launch, unless it is given: the workers' image, and no pickled main session.

    The workers run the image that this process runs in. Raises UsageError if it does not know its name:
    Dataflow would take Beam's own image, which lacks this package. The session would be that of the
    launcher's main.py, which holds nothing; Beam pickles it for Dataflow by default.
    """
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


def main() -> int:
    """Submit the job and return, without waiting for it. Returns what pipeline.main returns."""
    try:
        arguments = launch_arguments(sys.argv[1:], os.environ)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return pipeline_main.main(arguments)
