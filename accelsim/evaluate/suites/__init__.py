"""Suites of published rows: what each system's rows mean, and how a row is simulated."""

from __future__ import annotations

from accelsim.evaluate.suites.arrays import AUTOSA, CHAIDNN, GEMMINI, NVDLA, TPU
from accelsim.evaluate.suites.bursts import BURSTS
from accelsim.evaluate.suites.dpu import DPU, DPU_RESOURCES
from accelsim.evaluate.suites.eie import EIE
from accelsim.evaluate.suites.eyeriss import EYERISS
from accelsim.evaluate.suites.golden import GoldenSuite
from accelsim.evaluate.suites.two_four import TWO_FOUR

GOLDEN: tuple[GoldenSuite, ...] = (
    AUTOSA,
    BURSTS,
    CHAIDNN,
    DPU,
    DPU_RESOURCES,
    EIE,
    EYERISS,
    GEMMINI,
    NVDLA,
    TPU,
    TWO_FOUR,
)
