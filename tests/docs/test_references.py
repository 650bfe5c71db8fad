"""What documents and code refer to is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.readme import README, REPOSITORY

DOCUMENTS = [
    README,
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    REPOSITORY / "functions" / "alerting" / "README.md",
]
CODE_FOLDERS = ("pipeline", "generator", "local", "functions", "benchmarks", "tests")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ADR_FOLDER = REPOSITORY / "docs" / "adr"


def relative(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def links() -> list[tuple[Path, str]]:
    return [
        (document, target)
        for document in DOCUMENTS
        for target in _LINK.findall(document.read_text(encoding="utf-8"))
        if "://" not in target
    ]


@pytest.mark.parametrize(
    ("document", "target"), links(), ids=lambda value: relative(value) if isinstance(value, Path) else value
)
def test_a_link_leads_somewhere(document: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    file = (document.parent / path).resolve() if path else document
    assert file.exists()
    if anchor:
        headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        slugs = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
        assert anchor in slugs


def python_files() -> list[Path]:
    return [file for folder in CODE_FOLDERS for file in sorted((REPOSITORY / folder).rglob("*.py"))]


def test_every_decision_that_the_code_cites_exists() -> None:
    cited = {
        (relative(file), citation)
        for file in python_files()
        for citation in re.findall(r"docs/adr/([\w-]+(?:\.md)?)", file.read_text(encoding="utf-8"))
    }
    assert len(cited) > 3
    names = {file.name for file in _ADR_FOLDER.glob("*.md")}
    missing = {
        (file, citation)
        for file, citation in cited
        # A citation is a file's name, or its number alone.
        if not any(name == citation or name.startswith(f"{citation}-") for name in names)
    }
    assert missing == set()


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [file.name[:4] for file in sorted(_ADR_FOLDER.glob("*.md"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


@pytest.mark.parametrize("file", sorted(_ADR_FOLDER.glob("*.md")), ids=lambda file: file.name)
def test_a_decision_says_context_decision_and_consequences(file: Path) -> None:
    headings = re.findall(r"^## (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences"]


@pytest.mark.parametrize("file", sorted(_ADR_FOLDER.glob("*.md")), ids=lambda file: file.name)
def test_a_decision_is_linked_from_the_readme(file: Path) -> None:
    assert f"](docs/adr/{file.name})" in README.read_text(encoding="utf-8")


def test_every_path_of_ours_that_a_document_names_exists() -> None:
    folders = "|".join((*CODE_FOLDERS, "docs", "requirements"))
    named = {
        (relative(document), path)
        for document in DOCUMENTS
        for path in re.findall(
            rf"(?:`|python )((?:{folders})/[\w./-]+)", document.read_text(encoding="utf-8")
        )
    }
    assert named
    assert {(document, path) for document, path in named if not (REPOSITORY / path).exists()} == set()


def test_every_variable_of_the_alerting_function_is_in_its_readme() -> None:
    function = REPOSITORY / "functions" / "alerting"
    settings = (function / "settings.py").read_text(encoding="utf-8")
    channels = re.findall(r'^    "([a-z]+)": _[a-z]+,$', settings, re.MULTILINE)
    read = set(re.findall(r'variables\.get\("([A-Z_]+)"', settings))
    read |= set(re.findall(r'_needed\(variables, "([A-Z_]+)"', settings))
    read |= {f"{channel.upper()}_MIN_{what}" for channel in channels for what in ("SEVERITY", "BREACHES")}
    assert len(channels) == 5
    documented = re.findall(
        r"^\| (`.+?`) \|", (function / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {name.strip(" `") for cell in documented for name in cell.split(",")} == read


def test_documents_name_no_path_of_this_machine() -> None:
    outside = subprocess.run(
        ["grep", "-nE", r"(^|[ `\"(])/(work|home|tmp|root)/", *map(str, DOCUMENTS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert outside.stdout == ""


def test_every_step_in_the_picture_is_a_step_of_the_graph() -> None:
    picture = README.read_text(encoding="utf-8").split("```mermaid")[1].split("```")[0]
    drawn = set(re.findall(r"\[([A-Z]\w+)\]", picture))
    graph = (REPOSITORY / "pipeline" / "graph.py").read_text(encoding="utf-8")
    assert len(drawn) > 5
    assert drawn <= set(re.findall(r'"([A-Z]\w+)" >>', graph))
