"""Rules for padding, which convolutions and their gradients take over."""

from __future__ import annotations

from typing import Any

from fastconv.backends.reference import Reference
from fastconv.engine.fusion.graph import FusionGraph, joined
from fastconv.engine.primitive import Call, Tensor
from fastconv.geometry import Convolution


def padding_into_convolution(graph: FusionGraph, step: Call) -> bool:
    """conv(pad(x), w)  ->  conv(x, w) with that padding, if zeros are added to spatial axes only.

    Likewise conv_backward_kernel(pad(x), dy)  ->  conv_backward_kernel(x, dy).
    """
    operation = step.primitive.operation
    padded = (
        graph.producer.get(step.inputs[0]) if operation in (Reference.conv, Reference.conv_backward_kernel) else None
    )
    if padded is None or padded.primitive.operation is not Reference.pad or padded.params.get("value", 0) != 0:
        return False
    x = padded.inputs[0]
    params = _with_padding(step, x, padded.params)
    if params is None or x.dtype != step.inputs[0].dtype:
        return False
    names = padded.names if operation is Reference.conv else ()
    graph.drop_use(padded)
    graph.append(Call(step.primitive, (x, *step.inputs[1:]), params, step.outputs, joined(names, step.names)))
    return True


def padding_into_convolution_backward(graph: FusionGraph, step: Call) -> bool:
    """pad_backward(conv_backward_input(dy, w))  ->  conv_backward_input(dy, w) with that padding."""
    if step.primitive.operation is not Reference.pad_backward:
        return False
    product = graph.sole_producer(step.inputs[0], (Reference.conv_backward_input,))
    params = None if product is None else _with_padding(product, step.outputs[0], step.params)
    if product is None or params is None:
        return False
    graph.replace(product, Call(product.primitive, product.inputs, params, step.outputs))
    return True


def _with_padding(step: Call, x: Tensor, pad: dict[str, Any]) -> dict[str, Any] | None:
    """Return the parameters of a convolution of x that pads as a `pad` before it, or None if it cannot."""
    batch, *sides, channels = pad["pad_width"]
    if any((*batch, *channels)) or pad.get("mode", "constant") != "constant":
        return None
    c = step.params["convolution"]
    padding = tuple((before + more, after + rest) for (before, after), (more, rest) in zip(c.padding, sides))
    return {**step.params, "convolution": Convolution.of(x.shape, c.kernel_shape, c.strides, padding, c.dilation)}
