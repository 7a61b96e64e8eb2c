"""The commands that look and check: list, show, check, schema, doctor, warmup."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from accelsim.cli import doctor
from accelsim.cli.progress import progress
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("models", "m3vit-tiny"),
        ("hardware", "edge-moe-zcu102"),
        ("ops", "moe"),
        ("boards", "zcu102"),
        ("suites", "edge-moe"),
    ],
)
def test_list_names_what_ships(kind: str, name: str, run: Run) -> None:
    code, out, _ = run("list", kind)
    assert code == 0
    assert name in out.split()
    records = json.loads(run("list", kind, "--format", "json")[1])
    assert name in [next(iter(record.values())) for record in records]


def test_show_hw_prints_each_number_with_kind_and_range(run: Run) -> None:
    code, out, _ = run("show", "hw", "edge-moe-zcu102", "-s", "units.linear.rows=2")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert "299.97 MHz" in lines["clocks.pl.frequency"]
    assert "override" in lines["units.linear.rows"]
    assert max(len(line) for line in out.splitlines()[2:]) <= 100


def test_show_hw_suggests_a_name(run: Run) -> None:
    code, _, err = run("show", "hw", "edge-moe-zcu10")
    assert code == 2
    assert "did you mean 'edge-moe-zcu102'?" in err


def test_check_tells_good_files_from_bad_ones(run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("name: bad\nextends: edge-moe-zcu102\nschedul: {}\n")
    code, out, err = run("check", "edge-moe-zcu102", str(bad))
    assert code == 2
    assert out.startswith("edge-moe-zcu102: ok, ")
    assert "bad.yaml:3:1" in err
    assert "1 of 2 files has errors" in err
    assert run("check", "edge-moe-zcu102")[0] == 0


def test_schema_is_a_json_schema(run: Run) -> None:
    code, out, _ = run("schema")
    assert code == 0
    assert "properties" in json.loads(out)


def test_doctor_finds_this_installation_in_order(run: Run) -> None:
    code, out, err = run("doctor")
    assert (code, err) == (0, "")
    assert "2.13.0" in out


def test_torch_is_the_pinned_cpu_build() -> None:
    finding = doctor.torch_build()
    assert (finding.ok, finding.found) == (True, "2.13.0+cpu, CPU")


def test_doctor_notices_another_torch(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.version
    monkeypatch.setattr(doctor, "version", lambda name: "2.14.0" if name == "torch" else real(name))
    code, out, err = run("doctor")
    assert code == 2
    assert "torch is 2.13.0, CPU build" in err
    assert "--force-reinstall" in out


def test_doctor_notices_a_torch_built_for_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("raise RuntimeError('must not be imported')")
    (tmp_path / "torch/version.py").write_text(
        "from typing import Optional\ncuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    finding = doctor.torch_build()
    assert finding.ok is False
    assert "cuda 13.0" in finding.found


def test_an_absent_extra_is_no_fault_but_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.version

    def without_pandas(name: str) -> str:
        if name == "pandas":
            raise doctor.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor, "version", without_pandas)
    code, out, _ = run("doctor")
    assert code == 0
    assert "accelsim[table]" in " ".join(out.split())


def test_doctor_notices_a_cache_that_cannot_be_written(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ACCELSIM_CACHE_DIR", str(tmp_path / "file/cache"))
    code, out, _ = run("doctor")
    assert code == 2
    assert "ACCELSIM_CACHE_DIR" in out


def test_warmup_says_where_the_kernels_are(run: Run) -> None:
    code, out, err = run("warmup")
    assert code == 0
    assert out.startswith("kernels compiled in ")
    assert err.splitlines()[0] == "accelsim: compiling the simulator's timeline"


def test_progress_is_a_plain_line_a_step_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=False) as step:
        step("one")
        step("two")
    assert capsys.readouterr() == ("", "accelsim: one\naccelsim: two\n")


def _on_a_terminal(program: str, **variables: str) -> str:
    """What a program shows on a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", **variables}
    if "NO_COLOR" not in variables:
        environment.pop("NO_COLOR", None)
    with subprocess.Popen([sys.executable, "-c", program], stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                block = os.read(ours, 65536)
            except OSError:
                break
            if not block:
                break
            shown += block
        os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode()


STEPS = (
    "from accelsim.cli.progress import progress\n"
    "with progress(quiet=False) as step:\n    step('one')\n    step('two')\n"
)
TABLE = (
    "from accelsim.cli.output import print_report\nfrom accelsim.report.table import Table\n"
    "print_report(('a verdict',), [Table('a title', ('name', '>ms'), (('x', '1'),))])\n"
)


def test_progress_on_a_terminal_tells_how_long_each_step_took() -> None:
    shown = _on_a_terminal(STEPS)
    assert " s  one" in shown
    assert " s  two" in shown


def test_tables_have_colour_on_a_terminal_unless_no_color_is_set() -> None:
    assert "\x1b[1;36ma title" in _on_a_terminal(TABLE)
    assert "\x1b" not in _on_a_terminal(TABLE, NO_COLOR="1")
