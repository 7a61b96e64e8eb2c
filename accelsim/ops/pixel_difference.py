"""pixel_difference_conv2d: a convolution that also sees differences to the pixel under the kernel's centre.

y(p) = theta sum_n w(n) (x(p + n) - x(p)) + (1 - theta) sum_n w(n) x(p + n) + b
     = sum_n w(n) x(p + n) - theta x(p) sum_n w(n) + b
The bias counts once. Theta 0 is the plain convolution, theta 1 the pure difference. After the central difference
convolution (Yu et al., CVPR 2020, arXiv 2003.04092) that pixel difference networks (arXiv 2108.07009, 2302.11951)
build on. Sides of the kernel are odd; x(p) is zero where the centre lies on padding.
"""

from __future__ import annotations

import numpy as np

from accelsim.ir.graph import AttrValue, Tensor
from accelsim.ir.nest import Access, Axis, Dim, LoopNest
from accelsim.ops.attributes import real
from accelsim.ops.build import GraphBuilder
from accelsim.ops.conv import convolve
from accelsim.ops.conv_geometry import CONV_ATTRS, IMAGE_DIMS, KERNEL_DIMS, RESULT_DIMS, Geometry
from accelsim.ops.nests import inner, present, read, write
from accelsim.ops.operands import Operands, optional, required
from accelsim.ops.spec import REQUIRED, Array, Attrs, MaybeArrays, MaybeTensors, OpSpec, ShapeError, WorkInput

_OP = "pixel_difference_conv2d"
_INPUTS = ("x", "w", "b?")


def folded_kernel(w: Array, theta: float) -> Array:
    """The kernel [O, I, kh, kw] of the plain convolution that gives the same: the centre less theta times the sum.

    Exact where the centre is padding too: there both forms take zero times the kernel's sum.
    """
    row, column = w.shape[2] // 2, w.shape[3] // 2
    folded = w.copy()
    folded[:, :, row, column] -= w.dtype.type(theta) * w.sum(axis=(2, 3))
    return folded


def _infer(types: MaybeTensors, attrs: Attrs) -> tuple[Tensor, ...]:
    geometry = Geometry.of(_OP, attrs)
    theta = real(_OP, attrs, "theta")
    if not 0 <= theta <= 1:
        raise ShapeError(f"{_OP}: attribute theta is {theta}, needs a number from 0 to 1")
    operands = Operands(_OP, _INPUTS, types)
    operands.get(0, rank=4)
    w = operands.get(1, rank=4)
    operands.maybe(2, rank=1)
    operands.same_dtype(0, 1, 2)
    if not (w.shape[2] % 2 and w.shape[3] % 2):
        operands.fail(f"{operands.show(1)} has no centre; its sides must be odd")
    y = geometry.result(operands, 1, w.shape)
    operands.fit(2, 0, w.shape[0], f"the output channels of {operands.show(1)}")
    return (y,)


def _margins(geometry: Geometry, kernel: tuple[int, ...]) -> tuple[int, ...]:
    """Padding (top, left, bottom, right) under which a 1x1 kernel sees what the centre sees; negative ones cut."""
    reach = [step * (size // 2) for step, size in zip(geometry.dilation, kernel[2:], strict=True)]
    return tuple(pad - reach[axis % 2] for axis, pad in enumerate(geometry.padding))


def _under_centre(x: Array, geometry: Geometry, kernel: tuple[int, ...]) -> Array:
    """x(p) for each place of the result: the image moved by the padding less the centre's place, zero outside."""
    height, width = geometry.size(x.shape[2:], kernel[2:])
    moved = np.zeros((*x.shape[:2], height, width), x.dtype)
    inside = []
    for axis, outputs in enumerate((height, width)):
        first = geometry.dilation[axis] * (kernel[2 + axis] // 2) - geometry.padding[axis]
        places = first + geometry.stride[axis] * np.arange(outputs)
        kept = np.flatnonzero((places >= 0) & (places < x.shape[2 + axis]))
        inside.append((kept, places[kept]))
    (rows, from_rows), (columns, from_columns) = inside
    moved[:, :, rows[:, None], columns] = x[:, :, from_rows[:, None], from_columns]
    return moved


def _reference(arrays: MaybeArrays, attrs: Attrs) -> tuple[Array, ...]:
    x, w, b = required(arrays, 0), required(arrays, 1), optional(arrays, 2)
    geometry = Geometry.of(_OP, attrs)
    intensity = convolve(x, w, geometry)
    sums = w.sum(axis=(2, 3), keepdims=True)
    centre = convolve(_under_centre(x, geometry, w.shape), sums, Geometry((1, 1), (0,) * 4, (1, 1), geometry.groups))
    y = intensity - x.dtype.type(real(_OP, attrs, "theta")) * centre
    return (y if b is None else y + b[:, None, None],)


def _expand(builder: GraphBuilder, inputs: tuple[str, ...], attrs: Attrs) -> tuple[str, ...]:
    """The intensity by one convolution, the centre by another with the scaled sums of the kernels as 1x1 kernels."""
    x, w = inputs[:2]
    geometry = Geometry.of(_OP, attrs)
    kind = builder.tensors[x].dtype
    intensity = builder.add1("conv2d", inputs, geometry.attrs, name="intensity")
    theta = np.asarray(real(_OP, attrs, "theta"), str(kind))
    factor = builder.add_parameter(f"{builder.prefix}theta", theta, Tensor((), kind))
    sums = builder.add1("reduce_sum", (w,), {"axes": (2, 3), "keepdims": True}, name="kernel_sums")
    scaled = builder.add1("mul", (sums, factor), name="kernel_sums.scaled")
    top, left, bottom, right = _margins(geometry, builder.tensors[w].shape)
    framed = builder.add1("pad", (x,), {"pads": (0, 0, top, left, 0, 0, bottom, right)}, name="framed")
    plain: dict[str, AttrValue] = {"stride": geometry.stride, "groups": geometry.groups}
    centre = builder.add1("conv2d", (framed, scaled), plain, name="centre")
    return (builder.add1("sub", (intensity, centre), name="y"),)


def _work(node: WorkInput) -> tuple[LoopNest, ...]:
    """The op as it stands: the convolution, the sums of its kernels, and a 1x1 convolution subtracted.

    The pass `fold_pixel_difference` leaves the first alone, so what this shows beyond it is the price of not folding.
    """
    geometry = Geometry.of(_OP, node.node.attrs)
    x, w, y = node.tensor(0), node.tensor(1), node.outputs[0]
    sums = w.shape[0] * w.shape[1]
    image = ("batch", "group", "oh", "ow", "ic")
    main = [
        read(node, 0, "x", IMAGE_DIMS, elements=geometry.touched(x, w.shape, y)),
        read(node, 1, "w", KERNEL_DIMS),
        *((read(node, 2, "b", ("group", "oc")),) if present(node, 2) else ()),
        write(node, 0, "y", RESULT_DIMS),
    ]
    dims = geometry.dims(w.shape, y)
    kernels = (Dim("kernels", sums, Axis.OUTPUT), Dim("positions", w.elements // sums, Axis.REDUCE))
    return (
        LoopNest("main", "mac", dims, tuple(main)),
        LoopNest(
            "kernel_sums",
            "add",
            kernels,
            (read(node, 1, "w", ("kernels", "positions")), inner("sums", ("kernels",), sums, Access.WRITE)),
        ),
        LoopNest(
            "centre",
            "mac",
            dims[:6],
            (
                read(node, 0, "x", image, elements=min(x.elements, x.shape[0] * x.shape[1] * y.shape[2] * y.shape[3])),
                inner("sums", ("group", "oc", "ic"), sums),
                write(node, 0, "y", RESULT_DIMS, access=Access.ACCUMULATE),
            ),
            after=("main", "kernel_sums"),
        ),
    )


PIXEL_DIFFERENCE_CONV2D = OpSpec(
    _OP,
    _INPUTS,
    ("y",),
    _infer,
    _reference,
    _work,
    attrs={"theta": REQUIRED, **CONV_ATTRS},
    expansions={"convolutions": _expand},
    parts=("main", "kernel_sums", "centre"),
)
