"""Every command in the README is one that its program takes."""

from __future__ import annotations

import re

import pytest

from generator import options as generator_options
from generator.options import parse_options
from generator.vocabulary import Vocabulary
from local.__main__ import _parser as local_parser
from pipeline.contract import load_contract
from pipeline.flags import all_flags
from pipeline.options import parse_job
from tests.docs.readme import REPOSITORY, TEXT, commands

SHELL_VARIABLES = {
    "$INPUT_SUBSCRIPTION": "projects/local-shop/subscriptions/events-sub",
    "$OUTPUT_BUCKET": "gs://shop-events-output",
    "$BQ_DATASET": "local-shop:ecommerce_events",
    "$RAW_ARCHIVE": "gs://shop-events-output/raw",
    "$DLQ_TOPIC": "projects/local-shop/topics/events-dlq",
    "$ALERTS_TOPIC": "projects/local-shop/topics/order-alerts",
}


def expanded(arguments: list[str]) -> list[str]:
    for name, value in SHELL_VARIABLES.items():
        arguments = [argument.replace(name, value) for argument in arguments]
    assert not [argument for argument in arguments if "$" in argument]
    return arguments


def ids(arguments: list[str]) -> str:
    return " ".join(arguments)[:40]


@pytest.fixture
def after_a_demo(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder in which the demo has left its output."""
    (tmp_path / "demo-output").mkdir()
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("after_a_demo")
@pytest.mark.parametrize("arguments", commands("python -m local"), ids=ids)
def test_a_command_of_the_stack_parses(arguments: list[str]) -> None:
    local_parser().parse_args(arguments)


@pytest.mark.usefixtures("after_a_demo")
@pytest.mark.parametrize("arguments", commands("python -m generator"), ids=ids)
def test_a_command_of_the_generator_parses(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INPUT_TOPIC", "projects/local-shop/topics/events")
    parse_options(arguments, Vocabulary(load_contract()))


@pytest.mark.parametrize("arguments", commands(r"python -m pipeline\.main"), ids=ids)
def test_a_command_of_the_pipeline_parses(arguments: list[str]) -> None:
    job = parse_job(expanded(arguments))
    assert job.reads == ("files" if "--is_backfill" in arguments else "live")


def test_the_readme_shows_each_program_at_work() -> None:
    shown = {
        "up": [line for line in commands("python -m local") if line[0] == "up"],
        "sql": [line for line in commands("python -m local") if line[0] == "sql"],
        "generator": commands("python -m generator"),
        "pipeline": commands(r"python -m pipeline\.main"),
    }
    assert [name for name, lines in shown.items() if not lines] == []


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:`|^ {4})make ([a-z-]+)", TEXT, re.MULTILINE))
    assert named >= {"demo", "test"}
    assert named <= targets


def test_every_flag_that_is_named_in_passing_exists() -> None:
    ours = {flag.name for flag in all_flags()}
    ours |= {option.removeprefix("--") for option in generator_options._parser()._option_string_actions}
    named = set(re.findall(r"`--([a-z]+(?:_[a-z]+)+)", TEXT))
    assert named <= ours
