"""How the command line starts and ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from accelsim.cli.main import COMMANDS
from accelsim.errors import DoesNotFitError, InputError, InternalError, ToleranceError, UnsupportedError
from tests.cli.conftest import FakeApi, Run

HEAVY = {"torch", "onnx", "onnxruntime", "numba", "pandas", "matplotlib", "networkx", "pydantic"}


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run"]])
def test_starting_imports_no_heavy_package(words: list[str]) -> None:
    program = (
        "import json, sys\nfrom accelsim.cli.main import main\n"
        f"main({words!r})\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert "accelsim.cli.main" in loaded
    assert loaded & HEAVY == set()


def test_help_lists_every_command(run: Run) -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    for name, command in COMMANDS.items():
        assert name in out
        assert command.summary in out


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_loads_under_its_name_and_has_help(name: str, run: Run) -> None:
    assert COMMANDS[name].load().name == name
    code, out, _ = run(name, "--help")
    assert code == 0
    assert f"Usage: accelsim {name}" in out


def test_an_unknown_command_is_a_usage_error_with_a_suggestion(run: Run) -> None:
    code, out, err = run("simulat")
    assert (code, out) == (2, "")
    assert "no command 'simulat' -- did you mean 'simulate'?" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "resnet18"), "Missing argument 'HARDWARE'"),
        (("run", "resnet18", "systolic-32", "--tusk", "x"), "No such option"),
        (("simulate", "resnet18", "systolic-32", "--format", "xml"), "'xml' is not one of"),
        (
            ("simulate", "resnet18", "systolic-32", "--task", "a", "--tasks", "b"),
            "--task and --tasks exclude each other",
        ),
        (("simulate", "resnet18", "systolic-32", "--tasks", "a,,b"), "has an empty name"),
        (("simulate", "resnet18", "systolic-32", "-s", "rows"), "is not PATH=VALUE"),
        (("simulate", "resnet18", "systolic-32", "-s", "a=1", "-s", "a=2"), "-s a is given twice"),
        (("verify", "resnet18", "--against", "torch,tensorflow"), "'tensorflow' is not an engine"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(words: tuple[str, ...], message: str, run: Run, api: FakeApi) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith("accelsim: error: ")
    assert message in err
    assert err.count("\n") == 1
    assert api.calls == []


@pytest.mark.parametrize(
    ("error", "code"),
    [(InputError, 2), (UnsupportedError, 3), (DoesNotFitError, 3), (ToleranceError, 5), (InternalError, 1)],
)
def test_our_errors_end_with_their_code_and_without_traceback(
    error: type[Exception], code: int, run: Run, api: FakeApi
) -> None:
    api.result = error("a.yaml:1:2: what is wrong\na.yaml:3:4: and this")
    got, out, err = run("simulate", "resnet18", "systolic-32", "--quiet")
    assert (got, out) == (code, "")
    assert err.splitlines()[:2] == [
        "accelsim: error: a.yaml:1:2: what is wrong",
        "accelsim: error: a.yaml:3:4: and this",
    ]
    assert "Traceback" not in err


def test_anything_else_is_called_a_bug_and_has_a_traceback_only_on_demand(
    run: Run, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACCELSIM_DEBUG", raising=False)
    api.result = ZeroDivisionError("division by zero")
    code, _, err = run("simulate", "resnet18", "systolic-32", "--quiet")
    assert code == 1
    assert "this is a bug of accelsim: ZeroDivisionError: division by zero" in err
    assert "Traceback" not in err
    assert "Traceback" in run("--debug", "simulate", "resnet18", "systolic-32")[2]
    monkeypatch.setenv("ACCELSIM_DEBUG", "1")
    assert "Traceback" in run("simulate", "resnet18", "systolic-32")[2]


def test_an_interrupt_ends_with_130_and_one_line(run: Run, api: FakeApi) -> None:
    api.result = KeyboardInterrupt()
    code, out, err = run("simulate", "resnet18", "systolic-32", "--quiet")
    assert (code, out, err) == (130, "", "accelsim: interrupted\n")


def test_an_interrupt_while_python_still_imports_has_no_traceback(tmp_path: Path) -> None:
    """A package that is imported early raises what Ctrl-C does."""
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom accelsim.__main__ import main\nsys.exit(main())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "accelsim: interrupted\n")


def test_a_reader_that_goes_away_is_no_error() -> None:
    program = "import sys; from accelsim.cli.main import main; sys.exit(main(['schema']))"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["simulate", "resnet81", "systolic-32"], "'resnet81' is not a model -- did you mean 'resnet18'?"),
        (["run", "resnet18", "systolic-23"], "no hardware is called 'systolic-23' -- did you mean 'systolic-32'?"),
        (["show", "plan", "resnet81", "systolic-32"], "'resnet81' is not a model"),
        (["verify", "resnet81"], "'resnet81' is not a model"),
        (["verify", "absent.onnx"], "absent.onnx: no such file"),
        (["simulate", "absent.py:build", "systolic-32"], "absent.py: no such file"),
        (["calibrate", "systolic-23", "rows.csv", "--free", "a"], "no hardware is called 'systolic-23'"),
    ],
)
def test_a_wrong_name_is_told_before_anything_compiles(words: list[str], message: str) -> None:
    program = (
        f"import sys\nfrom accelsim.cli.main import main\ncode = main({words!r})\nprint('numba' in sys.modules, code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False 2\n"
    assert message in done.stderr
