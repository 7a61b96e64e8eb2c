"""EIE: its published load imbalance follows from the distribution of zeros and the queue, for any row of its kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.evaluate.suites.eie import EIE, Layer, layer_us
from accelsim.evaluate.suites.two_four import TWO_FOUR, speed_up
from accelsim.results import ValidationRow


def _silent(message: str) -> None:
    pass


@pytest.mark.slow
def test_every_scored_row_is_within_its_band_and_times_are_shown_beside() -> None:
    rows = EIE(None, _silent)
    scored = [row for row in rows if row.scored]
    assert {row.metric for row in scored} == {"load_imbalance"}
    assert len(scored) == 5
    assert all(row.ok for row in scored)
    shown = [row for row in rows if not row.scored]
    assert {row.metric for row in shown} == {
        *("time_actual", "time_perfect_balance", "throughput_fc7_64pe", "total_power_64pe")
    }
    assert all(row.low is not None and row.low <= row.simulated <= (row.high or 0) for row in shown)


def test_few_non_zeros_a_lane_and_column_are_what_makes_lanes_wait() -> None:
    small, wide = (layer_us(Layer(outputs, 512, 0.1, 1.0), 0) for outputs in (600, 4096))
    assert small[0] / small[1] > 1.4
    assert wide[0] / wide[1] < 1.15


def test_rows_of_a_user_are_simulated_from_their_notes(tmp_path: Path) -> None:
    header = "system,board,clock_mhz,array,precision,model,metric,value,unit,source,evidence,notes"
    note = '"in 256, out 128, weight density 20%, activation density 50% (mine)"'
    rows = [f"EIE,sim,800,64 PEs,int16,mine,time_actual,1.0,us,me,simulated,{note}", "EIE,sim,,,,x,power,1,W,me,x,"]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    found = EIE(path, _silent)
    assert len(found) == 1  # nothing here models the row of the power
    assert found[0].simulated == pytest.approx(layer_us(Layer(128, 256, 0.2, 0.5), 2)[0], rel=0.2)


def test_two_of_four_gains_no_more_than_twice_and_less_where_results_wait() -> None:
    assert speed_up(64, 512, 512) == pytest.approx(2.0, rel=0.1)
    row: ValidationRow = TWO_FOUR(None, _silent)[0]
    assert not row.scored
    assert 1.0 < row.simulated <= 2.0
