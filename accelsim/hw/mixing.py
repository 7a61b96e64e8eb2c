"""How kernels that are mixed for each sample, and layers with adapters, are run."""

from __future__ import annotations

from typing import Literal

from accelsim.hw.part import Name, Part


class Kernels(Part):
    """Where the kernel of a `dynamic_conv2d` is mixed.

    * memory: by a unit of the accelerator; the mixed kernel goes to where its class has its home and is read back;
    * on-chip: the same, but the mixed kernel of a sample stays in the buffer `memory`. One that is larger goes the way
      of 'memory', and the node says so;
    * host: by the host, which also finds the shares; the accelerator reads the mixed kernel only;
    * outputs: not at all. Each kernel convolves the input and the results are mixed: K times the products, but weights
      that all samples of a batch share.

    `static` names a buffer in which static parts stay from frame to frame, layer by layer until it is full; left out,
    they are read for every sample, as dynamic ones are.
    """

    sourced: str | None = None
    mixed: Literal["memory", "on-chip", "host", "outputs"] = "memory"
    memory: Name | None = None
    static: Name | None = None


class Adapters(Part):
    """How an `adapted_linear` is run.

    * beside: the base as it is stored and the adapter as two thin products beside it; tasks share the base;
    * merged: base, adapter and what was pruned folded into one matrix for each task when it is deployed.
    """

    sourced: str | None = None
    form: Literal["beside", "merged"] = "beside"
