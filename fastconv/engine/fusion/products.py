"""Rules for products: their epilogues, and scales and shifts that become parts of their weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastconv.backends import joins
from fastconv.backends.launch import Operation
from fastconv.backends.reference import Reference
from fastconv.engine.fusion.graph import FusionGraph, either_way, is_channel_vector, is_linear
from fastconv.engine.primitive import Call, Primitive, Tensor

# conv_backward_input is also the transposed convolution.
PRODUCTS: tuple[Operation, ...] = (Reference.conv, Reference.matmul, Reference.conv_backward_input)
SILU = {"linear": 1.0, "cubic": 0.0}  # x sigmoid(x) as a gate
MULTIPLY = Primitive(Reference.multiply, lambda x, y: (x.shape, x.dtype))
CONV_DEPTHWISE = Primitive(
    Reference.conv_depthwise,
    lambda x, *_, depthwise_convolution, **__: (depthwise_convolution.output_shape, x.dtype),
)


def bias_into_product(graph: FusionGraph, step: Call) -> bool:
    """conv(x, w) + b  ->  conv(x, w, b)."""
    for y, b in either_way(step, Reference.add):
        product = graph.sole_producer(y, PRODUCTS)
        if product is not None and len(product.inputs) == 2 and is_channel_vector(b, y) and _is_plain(product):
            graph.replace(product, Call(product.primitive, (*product.inputs, b), product.params, step.outputs))
            return True
    return False


def bias_onto_bias(graph: FusionGraph, step: Call) -> bool:
    """conv(x, w, b) + t  ->  conv(x, w, b + t), if b and t are invariant."""
    for y, t in either_way(step, Reference.add):
        product = graph.sole_producer(y, PRODUCTS)
        if product is None or len(product.inputs) != 3 or not _is_plain(product) or not is_channel_vector(t, y):
            continue
        if not graph.are_invariant((t, product.inputs[2])):
            continue
        total = Tensor(t.shape, t.dtype)
        graph.append(Call(step.primitive, (product.inputs[2], t), {}, (total,)))
        graph.invariant.add(total)
        graph.replace(product, Call(product.primitive, (*product.inputs[:2], total), product.params, step.outputs))
        return True
    return False


def scale_into_product(graph: FusionGraph, step: Call) -> bool:
    """(conv(x, w) + b) s  ->  conv(x, w s) + b s, if w, b and s are invariant: batch normalization at inference."""
    for y, s in either_way(step, Reference.multiply):
        product = graph.sole_producer(y, PRODUCTS)
        if product is None or not is_channel_vector(s, y) or not _is_plain(product):
            continue
        if not graph.are_invariant((s, *product.inputs[1:])) or not _has_channels_last(product):
            continue
        scaled = []
        for t in product.inputs[1:]:
            out = Tensor(t.shape, t.dtype)
            graph.append(Call(step.primitive, (t, s), {}, (out,)))
            graph.invariant.add(out)
            scaled.append(out)
        graph.replace(product, Call(product.primitive, (product.inputs[0], *scaled), product.params, step.outputs))
        return True
    return False


def normalisation_into_product(graph: FusionGraph, step: Call) -> bool:
    """normalize(conv(x, w, b))  ->  conv(x, w s, t), if w, b and the statistics are invariant.

    s is the normalization of 1 without mean and shift; t is the normalization of b.
    """
    product = graph.sole_producer(step.inputs[0], PRODUCTS) if step.primitive.operation is Reference.normalize else None
    if product is None or not _is_plain(product) or not _has_channels_last(product):
        return False
    mean, variance, gamma, _ = step.inputs[1:]
    x, w, *bias = product.inputs
    if not graph.are_invariant((w, *bias, *step.inputs[1:])) or step.outputs[0].dtype != mean.dtype:
        return False
    zeros, ones = (Tensor.of(fill(mean.shape, mean.dtype)) for fill in (np.zeros, np.ones))
    of_ones, of_bias = (ones, zeros, variance, gamma, zeros), ((bias or [zeros])[0], *step.inputs[1:])
    scale, shift = (graph.append_invariant(Call(step.primitive, x, step.params, ()), mean) for x in (of_ones, of_bias))
    kernel = graph.append_invariant(Call(MULTIPLY, (w, scale), {}, ()), w)
    graph.replace(product, Call(product.primitive, (x, kernel, shift), product.params, step.outputs))
    return True


def residual_into_convolution(graph: FusionGraph, step: Call) -> bool:
    """conv(x, w, b) + r  ->  conv(x, w, b, r), if r has the shape of the sum. The convolution then runs after r."""
    found = []
    for y, r in either_way(step, Reference.add):
        conv = graph.sole_producer(y, (Reference.conv,))
        alike = (r.shape, r.dtype) == (y.shape, y.dtype)
        if conv is not None and alike and len(conv.inputs) == 3 and _is_plain(conv) and not _is_grouped(conv):
            found.append((conv, r))
    if not found:
        return False
    conv, r = found[0] if len(found) == 1 else max(found, key=lambda pair: list(graph.steps).index(pair[0]))
    graph.replace(conv, Call(conv.primitive, (*conv.inputs, r), conv.params, step.outputs))
    return True


def activation_into_product(graph: FusionGraph, step: Call) -> bool:
    """activate(conv(x, w, b))  ->  conv(x, w, b, activation), also after a residual."""
    epilogue = _epilogue(step)
    if epilogue is None:
        return False
    product = graph.sole_producer(step.inputs[0], PRODUCTS)
    if product is None or not is_linear(product):
        return False
    graph.replace(product, Call(product.primitive, product.inputs, {**product.params, **epilogue}, step.outputs))
    return True


def convolution_into_depthwise(graph: FusionGraph, step: Call) -> bool:
    """depthwise(conv(x, w, b), k, c)  ->  conv_depthwise(x, w, b, k, c), if the result of conv exceeds the caches."""
    conv = (
        graph.sole_producer(step.inputs[0], (Reference.conv,)) if step.primitive.operation is Reference.conv else None
    )
    if conv is None or len(conv.inputs) != 3 or len(step.inputs) != 3 or step.outputs[0].dtype != np.float32:
        return False
    if not joins(conv.params["convolution"], step.params["convolution"]):
        return False
    params = {**conv.params, **{f"depthwise_{name}": value for name, value in step.params.items()}}
    graph.replace(conv, Call(CONV_DEPTHWISE, (*conv.inputs, *step.inputs[1:]), params, step.outputs))
    return True


def _epilogue(step: Call) -> dict[str, Any] | None:
    """Return the parameters of a product that computes an activation, or None for any other step."""
    if step.primitive.operation is Reference.gate and step.params == SILU:
        return {"activation": "silu"}
    return step.params if step.primitive.operation is Reference.activate else None


def _is_plain(product: Call) -> bool:
    """Return True if a product ends with its sum or its bias: without a residual and an activation."""
    return is_linear(product) and len(product.inputs) <= 3


def _is_grouped(conv: Call) -> bool:
    return bool(conv.params["convolution"].groups > 1)


def _has_channels_last(product: Call) -> bool:
    """Return True if the last axis of the weights is the channel axis of the result."""
    return product.primitive.operation is not Reference.conv_backward_input and not product.params.get("transpose_b")
