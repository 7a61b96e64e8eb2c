"""What is computed: a file for each op or close family. Importing the room registers the built-in ops."""

from accelsim.ops.activation import GELU, RELU
from accelsim.ops.adapted_linear import ADAPTED_LINEAR
from accelsim.ops.attention import ATTENTION
from accelsim.ops.channel_norm import GROUP_NORM, INSTANCE_NORM, LOCAL_RESPONSE_NORM, RMS_NORM
from accelsim.ops.conv import CONV2D
from accelsim.ops.conv_transpose import CONV_TRANSPOSE2D
from accelsim.ops.cross_task import CROSS_TASK_ATTENTION
from accelsim.ops.dynamic_conv import DYNAMIC_CONV2D
from accelsim.ops.einsum import EINSUM
from accelsim.ops.elementwise import BINARY
from accelsim.ops.fixed_point import FIXED_POINT
from accelsim.ops.indexing import GATHER, ONE_HOT, SCATTER_ADD
from accelsim.ops.layout import CONCAT, EXPAND, RESHAPE, SLICE, TRANSPOSE
from accelsim.ops.linear import GROUPED_LINEAR, LINEAR, MATMUL
from accelsim.ops.moe import MOE
from accelsim.ops.norm import BATCH_NORM, LAYER_NORM
from accelsim.ops.order import ARGSORT, TOP_K
from accelsim.ops.pad import PAD
from accelsim.ops.pixel_difference import PIXEL_DIFFERENCE_CONV2D
from accelsim.ops.pool import AVG_POOL2D, MAX_POOL2D
from accelsim.ops.quantize import DEQUANTIZE_LINEAR, QUANTIZE_LINEAR
from accelsim.ops.rearrange import DEPTH_TO_SPACE, REVERSE, SPACE_TO_DEPTH, SPLIT, TILE
from accelsim.ops.reduce import REDUCTIONS
from accelsim.ops.registry import register
from accelsim.ops.resize import RESIZE
from accelsim.ops.rotary import ROTARY_EMBEDDING
from accelsim.ops.scan import ARG_MAX, ARG_MIN, CUM_SUM
from accelsim.ops.scatter import GATHER_ELEMENTS, GATHER_ND, SCATTER_ELEMENTS, SCATTER_ND
from accelsim.ops.select import CAST, CLIP, PRELU, TRILU, WHERE
from accelsim.ops.softmax import LOG_SOFTMAX, SOFTMAX
from accelsim.ops.unary import UNARY

BUILT_IN = (
    *(CONV2D, CONV_TRANSPOSE2D, LINEAR, MATMUL, GROUPED_LINEAR, EINSUM),
    *(ATTENTION, ROTARY_EMBEDDING, SOFTMAX, LOG_SOFTMAX),
    *(LAYER_NORM, BATCH_NORM, GROUP_NORM, INSTANCE_NORM, RMS_NORM, LOCAL_RESPONSE_NORM),
    *(GELU, RELU, *UNARY, *BINARY),
    *(WHERE, CLIP, PRELU, CAST, TRILU),
    *(MAX_POOL2D, AVG_POOL2D, RESIZE, PAD),
    *(RESHAPE, TRANSPOSE, CONCAT, EXPAND, SLICE, TILE, REVERSE, SPLIT, DEPTH_TO_SPACE, SPACE_TO_DEPTH),
    *(TOP_K, ARGSORT, ARG_MAX, ARG_MIN, CUM_SUM, *REDUCTIONS),
    *(GATHER, SCATTER_ADD, ONE_HOT, GATHER_ELEMENTS, GATHER_ND, SCATTER_ELEMENTS, SCATTER_ND),
    *(QUANTIZE_LINEAR, DEQUANTIZE_LINEAR, FIXED_POINT),
    *(MOE, DYNAMIC_CONV2D, PIXEL_DIFFERENCE_CONV2D, ADAPTED_LINEAR, CROSS_TASK_ATTENTION),
)

for _spec in BUILT_IN:
    register(_spec)
