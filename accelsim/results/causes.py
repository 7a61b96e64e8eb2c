"""Why a tick of a node passed: the fixed list of causes. The causes of a node sum to its duration."""

from __future__ import annotations

CAUSES = (
    "compute",
    "fill_drain",
    "weight_load",
    "input_wait",
    "output_wait",
    "vector",
    "serial",
    "host",
)

DESCRIPTIONS = {
    "compute": "an array works",
    "fill_drain": "a pipeline fills or drains: first input tile, pipeline depth, last stores",
    "weight_load": "an array waits for a held operand, such as the weights of its next block",
    "input_wait": "an array waits for a streamed input tile",
    "output_wait": "an array waits because its output buffers are not stored yet",
    "vector": "a vector unit works",
    "serial": "control overhead before a stage starts",
    "host": "the host processor works",
}
