"""The command line with the evaluation behind it replaced, so that these tests see plumbing only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import accelsim.evaluate
from accelsim.cli.main import main
from accelsim.results import Result, ValidationRow
from accelsim.results.calibration import Calibration
from accelsim.results.plan import Plan
from tests.results.sample import sample_result, sample_rows
from tests.results.sample_explained import sample_calibration, sample_plan


class FakeApi(ModuleType):
    """Stands for `accelsim.evaluate.api`: returns what a test gives it and remembers how it was called."""

    def __init__(self) -> None:
        super().__init__("accelsim.evaluate.api")
        self.result: Result | BaseException = sample_result()
        self.rows: list[ValidationRow] = sample_rows()
        self.plan: Plan = sample_plan()
        self.calibration: Calibration = sample_calibration()
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def _called(self, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        options.pop("progress")("a step of the job")
        self.calls.append((name, arguments, options))

    def run_main_job(self, *arguments: Any, **options: Any) -> Result:
        return self._result("run_main_job", arguments, options)

    def simulate_spec(self, *arguments: Any, **options: Any) -> Result:
        return self._result("simulate_spec", arguments, options)

    def plan_spec(self, *arguments: Any, **options: Any) -> Plan:
        self._called("plan_spec", arguments, options)
        return self.plan

    def calibrate(self, *arguments: Any, **options: Any) -> Calibration:
        self._called("calibrate", arguments, options)
        return self.calibration

    def validate_suites(self, *arguments: Any, **options: Any) -> list[ValidationRow]:
        self._called("validate_suites", arguments, options)
        return self.rows

    def _result(self, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Result:
        self._called(name, arguments, options)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    fake = FakeApi()
    monkeypatch.setitem(sys.modules, "accelsim.evaluate.api", fake)
    monkeypatch.setattr(accelsim.evaluate, "api", fake, raising=False)
    return fake


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("simulate", "resnet18", "systolic-32")` -> (exit code, stdout, stderr)."""

    def call(*words: str) -> tuple[int, str, str]:
        code = main(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
