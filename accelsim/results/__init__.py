"""What came out: results, failures, comparisons, validation rows, and the folder they are written to."""

from accelsim.results.equivalence import Equivalence, EquivalenceEntry, Executor, NodeDifference
from accelsim.results.failure import Failure
from accelsim.results.result import (
    Alternative,
    EstimateEffect,
    Event,
    FrameResult,
    NodeResult,
    Provenance,
    Range,
    ResourceUse,
    Result,
    Scenario,
    Stage,
)
from accelsim.results.validation import ValidationRow, compare

__all__ = [
    "Alternative",
    "Equivalence",
    "EquivalenceEntry",
    "EstimateEffect",
    "Event",
    "Executor",
    "Failure",
    "FrameResult",
    "NodeDifference",
    "NodeResult",
    "Provenance",
    "Range",
    "ResourceUse",
    "Result",
    "Scenario",
    "Stage",
    "ValidationRow",
    "compare",
]
