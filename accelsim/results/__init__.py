"""What came out: results, failures, comparisons, validation rows, and the folder they are written to."""

from accelsim.results.equivalence import Equivalence, EquivalenceEntry, Executor, NodeDifference
from accelsim.results.failure import Failure
from accelsim.results.result import (
    Alternative,
    EnergyEvent,
    EstimateEffect,
    Event,
    FrameResult,
    Lever,
    NodeResult,
    Provenance,
    Range,
    ResourceUse,
    Result,
    Scenario,
    Stage,
    Stop,
)
from accelsim.results.validation import ValidationRow, compare

__all__ = [
    "Alternative",
    "EnergyEvent",
    "Equivalence",
    "EquivalenceEntry",
    "EstimateEffect",
    "Event",
    "Executor",
    "Failure",
    "FrameResult",
    "Lever",
    "NodeDifference",
    "NodeResult",
    "Provenance",
    "Range",
    "ResourceUse",
    "Result",
    "Scenario",
    "Stage",
    "Stop",
    "ValidationRow",
    "compare",
]
