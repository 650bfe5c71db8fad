"""Remembered signatures are those that Beam finds itself."""

from __future__ import annotations

import inspect
from importlib import import_module
from pkgutil import iter_modules

import apache_beam as beam
import pytest
from apache_beam.transforms import core, userstate

from pipeline import transforms
from pipeline.live.reflection import remember_signatures

MODULES = [f"pipeline.transforms.{each.name}" for each in iter_modules(transforms.__path__)] + [
    "pipeline.chunks",
    "pipeline.bigquery_sink",
    "pipeline.live.source",
]
OUR_DOFNS = sorted(
    {
        each
        for module in MODULES
        for each in vars(import_module(module)).values()
        if inspect.isclass(each) and issubclass(each, beam.DoFn) and each.__module__.startswith("pipeline.")
    },
    key=lambda each: f"{each.__module__}.{each.__name__}",
)
METHODS = ("start_bundle", "process", "finish_bundle", "setup", "teardown", "default_type_hints")


@pytest.fixture(autouse=True)
def _restore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "get_signature", core.get_signature)
    monkeypatch.setattr(userstate, "get_dofn_specs", userstate.get_dofn_specs)


def answers(dofn: beam.DoFn) -> list[object]:
    """Twice, since the second answer is the remembered one."""
    asked = [userstate.get_dofn_specs(dofn), userstate.is_stateful_dofn(dofn)]
    asked += [core.get_signature(getattr(dofn, name)) for name in METHODS]
    return asked


def test_there_are_dofns_to_ask() -> None:
    assert len(OUR_DOFNS) > 15


@pytest.mark.parametrize("kind", OUR_DOFNS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_answers_about_our_dofns_are_beams_own(kind: type[beam.DoFn]) -> None:
    before = answers(kind.__new__(kind))
    remember_signatures()
    for _ in range(2):
        assert answers(kind.__new__(kind)) == before


def test_each_class_is_asked_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[beam.DoFn] = []
    ask = userstate.get_dofn_specs
    monkeypatch.setattr(userstate, "get_dofn_specs", lambda dofn: (asked.append(dofn), ask(dofn))[1])
    monkeypatch.setattr(core, "get_signature", lambda function: inspect.signature(function))
    remember_signatures()
    kind = OUR_DOFNS[0]
    assert userstate.get_dofn_specs(kind.__new__(kind)) == userstate.get_dofn_specs(kind.__new__(kind))
    assert len(asked) == 1


def test_dofns_that_wrap_functions_are_told_apart() -> None:
    remember_signatures()
    one, two = core.CallableWrapperDoFn(lambda element: [element]), core.CallableWrapperDoFn(_with_default)
    for _ in range(2):
        assert list(core.get_signature(one.process).parameters) == ["element"]
        assert list(core.get_signature(two.process).parameters) == ["element", "times"]


def test_remembering_twice_does_no_harm() -> None:
    remember_signatures()
    asked = core.get_signature
    remember_signatures()
    assert core.get_signature is asked


def _with_default(element: int, times: int = 2) -> list[int]:
    return [element] * times
