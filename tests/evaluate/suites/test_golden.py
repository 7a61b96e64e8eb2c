from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.errors import InputError
from accelsim.evaluate.suites import GOLDEN
from accelsim.evaluate.suites.golden import GoldenRow, GoldenSuite, Simulated, read_rows

HEADER = "system,board,clock_mhz,array,precision,model,metric,value,unit,source,evidence,notes"


def _file(tmp_path: Path, *lines: str, header: str = HEADER) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def _suite(monkeypatch: pytest.MonkeyPatch, shipped: Path) -> GoldenSuite:
    suite = GoldenSuite("x", ("s",), _ten, {"fps": 5.0})
    monkeypatch.setattr(GoldenSuite, "path", property(lambda self: shipped))
    return suite


def _ten(row: GoldenRow) -> Simulated | None:
    return Simulated(10.0) if row.model != "unknown" else None


def test_rows_are_scored_by_the_band_of_their_metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _file(
        tmp_path,
        "s,b,1,a,int8,near,fps,10.4,fps,src,measured,",
        "s,b,1,a,int8,far,fps,20,fps,src,measured,",
        "s,b,1,a,int8,free,w,20,W,src,measured,",
        "s,b,1,a,int8,unknown,fps,20,fps,src,measured,",
        "other,b,1,a,int8,near,fps,10,fps,src,measured,",
    )
    told: list[str] = []
    rows = _suite(monkeypatch, path)(None, told.append)
    assert [(row.scored, row.ok) for row in rows] == [(True, True), (True, False), (False, None)]
    assert rows[0].source == "src"
    assert "1 rows of other systems left out of x" in told
    assert "1 rows that nothing here models left out of x" in told


def test_a_users_row_that_calibrated_a_constant_is_not_scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = _file(tmp_path, "s,b,1,a,int8,near,fps,10,fps,src,measured,,calibrates", header=f"{HEADER},role")
    suite = _suite(monkeypatch, shipped)
    own = tmp_path / "own.csv"
    own.write_text(f"{HEADER}\ns,b,1,a,int8,near,fps,11,fps,src,measured,\ns,b,1,a,int8,new,fps,11,fps,src,measured,\n")
    rows = suite(own, lambda message: None)
    assert [row.scored for row in rows] == [False, True]
    assert "calibrated a constant" in rows[0].note


@pytest.mark.parametrize(
    ("line", "header", "message"),
    [
        ("s,b", "system,board", r"rows\.csv:1: columns clock_mhz, .* are missing"),
        ("s,b,1,a,int8,m,fps,ten,fps,src,measured,", HEADER, r"rows\.csv:2: value: 'ten' is not a number"),
        ("s,b,1,a,int8,m,fps,nan,fps,src,measured,", HEADER, r"rows\.csv:2: value: 'nan' is not finite"),
        ("s,b,1,a,int8,m,fps,1,fps,src,measured,,guess", f"{HEADER},role", r"role: 'guess' is none of calibrates"),
        ("other,b,1,a,int8,m,fps,1,fps,src,measured,", HEADER, r"no row of suite 'x'; its systems are s"),
    ],
)
def test_bad_files_are_refused_with_a_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, header: str, message: str
) -> None:
    path = _file(tmp_path, line, header=header)
    suite = _suite(monkeypatch, _file(tmp_path / "..", "s,b,1,a,int8,near,fps,10,fps,src,measured,"))
    with pytest.raises(InputError, match=message):
        suite(path, lambda told: None)


@pytest.mark.parametrize("suite", GOLDEN, ids=lambda suite: suite.name)
def test_every_suite_ships_rows_with_a_source(suite: GoldenSuite) -> None:
    rows = read_rows(suite.path)
    assert {row.system for row in rows} <= set(suite.systems)
    assert all(row.source and row.evidence for row in rows)
    assert len({row.key for row in rows}) == len(rows)
