"""A run's folder: result.json, report.txt, nodes.csv, latency.png, trace.json and the recorded activity of each task,
written together or not at all.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from accelsim.errors import InputError
from accelsim.report.nodes import nodes_csv
from accelsim.report.plot import latency_png, require_plot
from accelsim.report.text import report_text
from accelsim.report.trace import events_of_trace, trace_text
from accelsim.results.read import read_result
from accelsim.results.result import Result
from accelsim.results.store import Content, check_folder, write_folder

RUN_FILES = ("result.json", "report.txt", "nodes.csv", "latency.png", "trace.json", "activity-*.json", "report.html")


def check_run_folder(folder: Path) -> None:
    """Fail before the work and not after it: raises InputError or MissingExtraError if a report cannot be
    written.
    """
    require_plot()
    check_folder(folder, RUN_FILES)


def write_run_report(result: Result, folder: Path, *, trace: bool = True) -> tuple[str, ...]:
    """Write the folder, replacing an older run's; returns the names of the files in it."""
    files: dict[str, Content] = {
        "result.json": result.dumps().encode(),
        "report.txt": report_text(result).encode(),
        "nodes.csv": nodes_csv(result).encode(),
        "latency.png": lambda path: latency_png(result, path),
    }
    if trace:
        files["trace.json"] = trace_text(result).encode()
    for task, activity in result.activities.items():
        files[f"activity-{task}.json"] = activity.to_json().encode()
    write_folder(folder, files, replaces=RUN_FILES)
    return tuple(files)


def read_run(folder: Path) -> tuple[Result, int]:
    """The result in a run's folder, with the events of its trace, and how many events the trace left out.

    Without a trace there are no events. Raises InputError.
    """
    result, trace = read_result(folder), folder / "trace.json"
    if not trace.is_file():
        return result, 0
    try:
        events, left_out = events_of_trace(trace.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, InputError) as error:
        raise InputError(f"{trace}: {error}; run it again, or take the file away") from None
    return replace(result, events=events), left_out
