"""What is computed: a file for each op or close family. Importing the room registers the built-in ops."""

from accelsim.ops.activation import GELU, RELU
from accelsim.ops.attention import ATTENTION
from accelsim.ops.conv import CONV2D
from accelsim.ops.elementwise import ADD, DIV, MUL, SUB
from accelsim.ops.indexing import GATHER, ONE_HOT, SCATTER_ADD
from accelsim.ops.layout import CONCAT, EXPAND, RESHAPE, SLICE, TRANSPOSE
from accelsim.ops.linear import GROUPED_LINEAR, LINEAR, MATMUL
from accelsim.ops.moe import MOE
from accelsim.ops.norm import BATCH_NORM, LAYER_NORM
from accelsim.ops.order import ARGSORT, TOP_K
from accelsim.ops.reduce import REDUCE_SUM
from accelsim.ops.registry import register
from accelsim.ops.resize import RESIZE
from accelsim.ops.softmax import SOFTMAX

BUILT_IN = (
    *(CONV2D, LINEAR, MATMUL, GROUPED_LINEAR),
    *(ATTENTION, SOFTMAX, LAYER_NORM, BATCH_NORM),
    *(GELU, RELU, ADD, SUB, MUL, DIV),
    *(RESHAPE, TRANSPOSE, CONCAT, EXPAND, SLICE, RESIZE),
    *(TOP_K, ARGSORT, GATHER, SCATTER_ADD, ONE_HOT, REDUCE_SUM),
    MOE,
)

for _spec in BUILT_IN:
    register(_spec)
