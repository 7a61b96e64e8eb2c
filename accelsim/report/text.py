"""The text report: verdict first, then what matters, then the evidence. 100 columns."""

from __future__ import annotations

from accelsim.report.evidence import evidence_sections
from accelsim.report.explain import explanation_sections
from accelsim.report.features import feature_sections
from accelsim.report.memories import memory_sections
from accelsim.report.sections import cost_sections, scenario_sections, time_sections
from accelsim.report.table import Notes, Section, plain
from accelsim.report.verdict import verdict
from accelsim.results.result import Result


def report_sections(result: Result) -> list[Section]:
    """Everything below the verdict."""
    return [
        *scenario_sections(result),
        *time_sections(result),
        *feature_sections(result),
        *explanation_sections(result),
        *cost_sections(result),
        *memory_sections(result),
        scenario_notes(result),
        *evidence_sections(result),
    ]


def scenario_notes(result: Result) -> Notes:
    """What ran on what, and where the activity comes from."""
    hardware = f"{result.hardware}: {result.hardware_title}" if result.hardware_title else result.hardware
    lines = [hardware]
    if result.scenario.activity_source:
        lines.append(f"activity: {result.scenario.activity_source}{_experts(result)}")
    return Notes("Scenario", tuple(lines))


def report_text(result: Result) -> str:
    """The whole report as plain text, ending in a newline."""
    return "\n\n".join(["\n".join(verdict(result)), *(plain(section) for section in report_sections(result))]) + "\n"


def _experts(result: Result) -> str:
    active = result.scenario.active_experts
    if not active:
        return ""
    counts = [used for used, _ in active.values()]
    total = max(experts for _, experts in active.values())
    return f"; {min(counts)} to {max(counts)} of {total} experts active in each of {len(active)} layers"
