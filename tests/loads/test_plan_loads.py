"""Which files are loaded, which are not, and what is said of them."""

from __future__ import annotations

import pytest

from pipeline.checksums import FileToLoad
from pipeline.errors import UsageError
from pipeline.files import InputFile
from pipeline.loads import EarlierLoad, Plan, plan_loads
from pipeline.rows import Run


def file(path: str, md5: str) -> FileToLoad:
    return FileToLoad(InputFile(path, 10), md5)


def load(path: str, md5: str, run_id: str = "run-1", hour: int = 1) -> EarlierLoad:
    return EarlierLoad(md5, path, run_id, f"2024-05-01T0{hour}:00:00Z")


A, B = file("a", "md5-of-a"), file("b", "md5-of-b")
LOADED_A = load("a", "md5-of-a")

EXAMPLES = {
    "nothing was loaded": ([A, B], [], False, ([A, B], [], False)),
    "nothing was loaded, with --reload": ([A, B], [], True, ([A, B], [], False)),
    "one was loaded": (
        [A, B],
        [LOADED_A],
        False,
        (
            [B],
            ["a is skipped: it was loaded at 2024-05-01T01:00:00Z by run run-1; --reload loads it again."],
            False,
        ),
    ),
    "it was loaded, with --reload": ([A], [LOADED_A], True, ([A], [], True)),
    "it was loaded under another name": (
        [file("moved", "md5-of-a")],
        [LOADED_A],
        False,
        (
            [],
            [
                "moved is skipped: it was loaded as a at 2024-05-01T01:00:00Z by run run-1; "
                "--reload loads it again."
            ],
            False,
        ),
    ),
    "it was loaded twice": (
        [A],
        [load("a", "md5-of-a", "run-2", hour=2), LOADED_A],
        False,
        (
            [],
            ["a is skipped: it was loaded at 2024-05-01T02:00:00Z by run run-2; --reload loads it again."],
            False,
        ),
    ),
    "two files have one content": (
        [A, file("copy", "md5-of-a")],
        [],
        False,
        ([A], ["copy is skipped: its content is that of a, which this run loads."], False),
    ),
    "two files have one content, with --reload": (
        [A, file("copy", "md5-of-a")],
        [LOADED_A],
        True,
        ([A], ["copy is skipped: its content is that of a, which this run loads."], True),
    ),
    "it has changed": (
        [file("a", "new")],
        [LOADED_A],
        False,
        (
            [file("a", "new")],
            [
                "a has changed since it was loaded at 2024-05-01T01:00:00Z by run run-1: the metrics count "
                "twice what was in it then."
            ],
            False,
        ),
    ),
    "it has changed back": (
        [A],
        [LOADED_A, load("a", "new", hour=2)],
        False,
        (
            [],
            ["a is skipped: it was loaded at 2024-05-01T01:00:00Z by run run-1; --reload loads it again."],
            False,
        ),
    ),
}


@pytest.mark.parametrize(("files", "earlier", "reload", "expected"), EXAMPLES.values(), ids=EXAMPLES)
def test_what_is_loaded_and_said(files, earlier, reload, expected) -> None:
    chosen, remarks, is_reload = expected
    assert plan_loads(files, earlier, "this-run", reload) == Plan(tuple(chosen), tuple(remarks), is_reload)


def test_new_files_are_not_mixed_with_ones_that_are_loaded_again() -> None:
    with pytest.raises(UsageError) as refusal:
        plan_loads([A, B], [LOADED_A], "this-run", reload=True)
    assert str(refusal.value) == (
        "--reload: 1 of 2 files were not loaded before, and the metrics of a run add up with others only if "
        "all its files are new: load those first, without --reload."
    )


def test_the_name_of_an_earlier_run_is_refused() -> None:
    with pytest.raises(UsageError) as refusal:
        plan_loads([B], [LOADED_A], "run-1", reload=False)
    assert str(refusal.value) == (
        "--run_id=run-1 has loaded files before, and what this run counts would replace what that one has "
        "counted: take another name."
    )


def test_the_name_of_an_earlier_run_does_no_harm_where_nothing_is_left_to_load() -> None:
    assert plan_loads([A], [LOADED_A], "run-1", reload=False).files == ()


@pytest.mark.parametrize(("is_reload", "mode"), [(False, "backfill"), (True, "reload")])
def test_the_mode_of_a_run_says_whether_its_files_were_loaded_before(is_reload: bool, mode: str) -> None:
    run = Run("r", "backfill")
    assert Plan((A,), (), is_reload).mode_of(run) == Run("r", mode)
