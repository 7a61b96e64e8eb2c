"""Every ONNX operator that accelsim translates, by domain and name: one table from the families' tables."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.frontends.onnx_call import Translate
from accelsim.frontends.onnx_ops_index import INDEX
from accelsim.frontends.onnx_ops_math import MATH
from accelsim.frontends.onnx_ops_nn import NN
from accelsim.frontends.onnx_ops_norm import NORM
from accelsim.frontends.onnx_ops_pool import POOL
from accelsim.frontends.onnx_ops_product import PRODUCT
from accelsim.frontends.onnx_ops_quant import QUANT
from accelsim.frontends.onnx_ops_shape import SHAPE

OPERATORS: Mapping[tuple[str, str], Translate] = {
    ("", name): translate
    for family in (MATH, SHAPE, INDEX, NN, NORM, POOL, PRODUCT, QUANT)
    for name, translate in family.items()
}
