"""A run's folder: result.json, report.txt, nodes.csv, latency.png, trace.json and the recorded activity of each task,
written together or not at all.
"""

from __future__ import annotations

from pathlib import Path

from accelsim.report.nodes import nodes_csv
from accelsim.report.plot import latency_png, require_plot
from accelsim.report.text import report_text
from accelsim.report.trace import trace_text
from accelsim.results.result import Result
from accelsim.results.store import Content, check_folder, write_folder

RUN_FILES = ("result.json", "report.txt", "nodes.csv", "latency.png", "trace.json", "activity-*.json")


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
