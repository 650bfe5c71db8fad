"""The Flex Template's files: `python -m pipeline.template metadata`, `… spec --image=…`.

The first prints what metadata.json holds, the second the file that Dataflow launches from.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.commands import FlagParser
from pipeline.errors import UsageError
from pipeline.template_metadata import metadata


def container_spec(
    image: str, described: dict[str, Any], mode: str, staging: str | None, account: str | None
) -> dict[str, Any]:
    """The file a job is launched from: image, metadata, and an environment for what a launch leaves out.

    `mode` backfill says that the job is a batch job; the parameters are the same. `staging` is a gs://
    folder, `account` the e-mail address of the service account that the workers run as.
    """
    if mode == "backfill":
        of_streaming = ("supportsAtLeastOnce", "supportsExactlyOnce", "defaultStreamingMode")
        described = {key: value for key, value in described.items() if key not in of_streaming}
        described["name"] += " (backfill)"
        described["streaming"] = False
    environment: dict[str, Any] = {"sdkContainerImage": image}
    if mode == "streaming":
        environment["enableStreamingEngine"] = True
    if staging:
        root = staging.rstrip("/")
        environment |= {"stagingLocation": f"{root}/staging", "tempLocation": f"{root}/temp"}
    if account:
        environment["serviceAccountEmail"] = account
    return {
        "image": image,
        "sdkInfo": {"language": "PYTHON"},
        "metadata": described,
        "defaultEnvironment": environment,
    }


def as_file(content: dict[str, Any]) -> str:
    """JSON as the committed file has it."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _matching(form: str, example: str) -> Any:
    def check(text: str) -> str:
        if not re.fullmatch(form, text):
            raise argparse.ArgumentTypeError(f"{text!r} does not have the form {example}")
        return text

    return check


def _parser() -> FlagParser:
    parser = FlagParser(prog="python -m pipeline.template", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("metadata", help="print metadata.json, made of the pipeline's flags")
    spec = commands.add_parser("spec", help="print the template's spec file", allow_abbrev=False)
    image = "REGION-docker.pkg.dev/PROJECT/pipeline/pipeline:TAG"
    # A tag or a digest, or Dataflow would take whatever is called latest on the day a worker starts.
    form = r"[\w.-]+(:[0-9]+)?(/[\w.-]+)+(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})"
    spec.add_argument("--image", required=True, type=_matching(form, image), help=f"for example {image}")
    spec.add_argument("--metadata", type=Path, default=Path("metadata.json"), help="default: %(default)s")
    spec.add_argument("--mode", choices=("streaming", "backfill"), default="streaming")
    bucket = "gs://BUCKET"
    spec.add_argument("--staging", type=_matching(r"gs://[a-z0-9._-]+(/.*)?", bucket), help=bucket)
    account = "NAME@PROJECT.iam.gserviceaccount.com"
    spec.add_argument("--account", type=_matching(r"[\w.-]+@[\w.-]+", account), help=account)
    return parser


def _read_metadata(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--metadata={path} cannot be read as JSON: {error}.") from error
    if not isinstance(content, dict) or "parameters" not in content:
        raise UsageError(f"--metadata={path} is no template metadata: it has no parameters.")
    return content


def main(argv: Sequence[str] | None = None) -> int:
    """Print one of the files. Returns 0, or 2 for a wrong flag."""
    try:
        given = _parser().parse_args(argv)
        if given.command == "metadata":
            content = metadata()
        else:
            described = _read_metadata(given.metadata)
            content = container_spec(given.image, described, given.mode, given.staging, given.account)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    sys.stdout.write(as_file(content))
    return 0


if __name__ == "__main__":
    sys.exit(main())
