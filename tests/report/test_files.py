"""The files of a run."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from accelsim.errors import InputError, MissingExtraError
from accelsim.ir import Activity, FrozenMap, Routing, load_activity
from accelsim.report import plot
from accelsim.report.nodes import nodes_csv
from accelsim.report.trace import events_of_trace, trace_record, trace_text
from accelsim.report.write import check_run_folder, read_run, write_run_report
from accelsim.results import Event, Result
from tests.results.sample import CLOCK_HZ, sample_result

FILES = {"result.json", "report.txt", "nodes.csv", "latency.png", "trace.json", "activity-semseg.json"}


def _run() -> Result:
    activity = Activity("recorded", FrozenMap({"moe": Routing.from_ids([(0, 1), (1, 0)], 2)}))
    return replace(sample_result(), activities=FrozenMap({"semseg": activity}))


def test_a_run_folder_holds_its_files_and_no_others(tmp_path: Path) -> None:
    names = write_run_report(_run(), tmp_path / "run")
    assert set(names) == FILES == {path.name for path in (tmp_path / "run").iterdir()}
    record = json.loads((tmp_path / "run/result.json").read_text())
    assert Result.from_json(record) == replace(sample_result(), events=())
    activity = load_activity(tmp_path / "run/activity-semseg.json", nodes={"moe": (2, 2, 2)})
    assert activity.routings == _run().activities["semseg"].routings
    assert (tmp_path / "run/latency.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_is_read_back_with_the_events_of_its_trace(tmp_path: Path) -> None:
    write_run_report(_run(), tmp_path / "run")
    found, left_out = read_run(tmp_path / "run")
    assert left_out == 0
    assert found.events == tuple(sorted(sample_result().events, key=lambda event: (event.start_cycle, event.end_cycle)))
    assert replace(found, events=()) == replace(sample_result(), events=())
    (tmp_path / "run/trace.json").unlink()
    assert read_run(tmp_path / "run") == (replace(sample_result(), events=()), 0)


def test_what_a_trace_left_out_is_known_when_it_is_read(tmp_path: Path) -> None:
    events, left_out = events_of_trace(trace_text(sample_result(), most=10))
    assert len(events) == 10
    assert left_out == len(sample_result().events) - 10


@pytest.mark.parametrize("text", ["", "[]", '{"traceEvents": []}', '{"otherData": {}, "traceEvents": [{"ph": "X"}]}'])
def test_a_trace_of_something_else_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    write_run_report(_run(), tmp_path / "run")
    (tmp_path / "run/trace.json").write_text(text)
    with pytest.raises(InputError, match=r"run/trace\.json: not a trace of this accelsim"):
        read_run(tmp_path / "run")


def test_a_page_in_the_folder_goes_with_the_run_that_it_shows(tmp_path: Path) -> None:
    write_run_report(_run(), tmp_path / "run")
    (tmp_path / "run/report.html").write_text("<p>the page of this run")
    write_run_report(_run(), tmp_path / "run")
    assert not (tmp_path / "run/report.html").exists()


def test_writing_again_without_a_trace_removes_the_old_trace(tmp_path: Path) -> None:
    write_run_report(_run(), tmp_path / "run")
    write_run_report(sample_result(), tmp_path / "run", trace=False)
    assert not (tmp_path / "run/trace.json").exists()
    assert not (tmp_path / "run/activity-semseg.json").exists()


def test_the_same_result_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_run_report(_run(), tmp_path / name)
    for file in FILES:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_a_folder_that_cannot_be_used_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1")
    with pytest.raises(InputError, match=r"data\.csv"):
        check_run_folder(tmp_path)


def test_without_matplotlib_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"accelsim\[plot\]"):
        check_run_folder(tmp_path / "run")


def test_nodes_csv_has_a_row_a_node_and_a_column_a_cause() -> None:
    rows = list(csv.DictReader(io.StringIO(nodes_csv(sample_result()))))
    nodes = sample_result().nodes
    assert [row["name"] for row in rows] == [node.name for node in nodes]
    for row, node in zip(rows, nodes, strict=True):
        assert sum(int(value) for key, value in row.items() if key.startswith("stall_")) == node.cycles
        assert int(row["macs"]) == node.macs


def _slices(record: dict[str, list[dict[str, object]]]) -> list[dict[str, object]]:
    return [event for event in record["traceEvents"] if event["ph"] == "X"]


def test_the_trace_names_processes_and_threads_and_counts_in_microseconds() -> None:
    events = (
        Event("unit linear", "fc1", 300, 900, "compute"),
        Event("link weights", "load fc2", 0, 600, "weight_load"),
    )
    record = trace_record(replace(sample_result(), events=events))
    names = {
        (e["name"], e["args"]["name"]) for e in record["traceEvents"] if e["name"] in ("process_name", "thread_name")
    }
    assert names == {
        ("process_name", "units of edge-moe-zcu102"),
        ("process_name", "links of edge-moe-zcu102"),
        ("thread_name", "linear"),
        ("thread_name", "weights"),
    }
    first, second = _slices(record)
    assert (first["name"], first["ts"], first["dur"], first["cat"]) == ("fc1", 1.0, 2.0, "compute")
    assert (second["name"], second["ts"], second["dur"]) == ("load fc2", 0.0, 2.0)
    assert first["pid"] != second["pid"]


def test_intervals_that_overlap_go_to_threads_of_their_own() -> None:
    events = tuple(Event("link weights", f"load {i}", 100 * i, 100 * i + 250) for i in range(4))
    record = trace_record(replace(sample_result(), events=events))
    threads: dict[object, list[tuple[float, float]]] = {}
    for item in _slices(record):
        threads.setdefault(item["tid"], []).append((item["ts"], item["ts"] + item["dur"]))  # type: ignore[operator, arg-type]
    assert len(threads) == 3
    for spans in threads.values():
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    titles = [e["args"]["name"] for e in record["traceEvents"] if e["name"] == "thread_name"]
    assert titles == ["weights", "weights (2)", "weights (3)"]


def test_a_capped_trace_keeps_the_longest_and_says_how_many_are_left_out() -> None:
    events = tuple(Event("unit u", f"e{i}", 1000 * i, 1000 * i + 1 + i) for i in range(10))
    record = trace_record(replace(sample_result(), events=events), most=3)
    assert [item["name"] for item in _slices(record)] == ["e7", "e8", "e9"]
    assert record["otherData"]["events_left_out"] == 7
    labels = [e["args"]["labels"] for e in record["traceEvents"] if e["name"] == "process_labels"]
    assert labels == ["the 7 shortest events of the trace are left out"]


def test_without_events_the_nodes_are_traced() -> None:
    record = json.loads(trace_text(replace(sample_result(), events=())))
    slices = _slices(record)
    assert len(slices) == len(sample_result().nodes)
    last = slices[-1]
    assert max(item["ts"] + item["dur"] for item in slices) == pytest.approx(sample_result().cycles / CLOCK_HZ * 1e6)
    assert set(last) == {"ph", "name", "cat", "pid", "tid", "ts", "dur", "args"}
