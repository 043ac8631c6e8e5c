"""Rules for scales, shifts and normalisation: a single kernel computes them together with an activation."""

from __future__ import annotations

from fastconv.backends.formulas import PIECEWISE
from fastconv.backends.reference import Reference
from fastconv.engine.fusion.graph import FusionGraph, either_way, is_channel_vector, is_linear
from fastconv.engine.primitive import Call, Primitive, Tensor

SCALE_SHIFT = Primitive(Reference.scale_shift, lambda x, scale, shift: (x.shape, x.dtype))
BATCH_NORM_ACTIVATE = Primitive(
    Reference.batch_norm_activate, lambda x, gamma, beta, **_: [(x.shape, x.dtype), *[(gamma.shape, x.dtype)] * 4]
)
BATCH_NORM_ACTIVATE_BACKWARD = Primitive(
    Reference.batch_norm_activate_backward, lambda dy, x, *_, **__: [(x.shape, x.dtype), *[(x.shape[-1:], x.dtype)] * 2]
)


def activation_into_given_normalisation(graph: FusionGraph, step: Call) -> bool:
    """activate(normalize(x))  ->  normalize(x, activation), by given statistics."""
    if step.primitive.operation is not Reference.activate:
        return False
    normal = graph.sole_producer(step.inputs[0], (Reference.normalize,))
    if normal is None or not is_linear(normal):
        return False
    graph.replace(normal, Call(normal.primitive, normal.inputs, {**normal.params, **step.params}, step.outputs))
    return True


def shift_after_scale(graph: FusionGraph, step: Call) -> bool:
    """x s + t  ->  scale_shift(x, s, t), if s and t have one number per channel."""
    for y, t in either_way(step, Reference.add):
        product = graph.sole_producer(y, (Reference.multiply,))
        if product is None or not is_channel_vector(t, y):
            continue
        for x, s in either_way(product, Reference.multiply):
            if is_channel_vector(s, y) and (x.shape, x.dtype) == (y.shape, y.dtype):
                graph.replace(product, Call(SCALE_SHIFT, (x, s, t), {}, step.outputs))
                return True
    return False


def activation_into_normalisation(graph: FusionGraph, step: Call) -> bool:
    """activate(batch_norm(x))  ->  batch_norm_activate(x), for piecewise linear activations."""
    if step.primitive.operation is not Reference.activate or step.params["activation"] not in PIECEWISE:
        return False
    norm = graph.sole_producer(step.inputs[0], (Reference.batch_norm,))
    if norm is None or step.inputs[0] is not norm.outputs[0]:
        return False
    _, mean, variance = norm.outputs
    affine = (Tensor(mean.shape, mean.dtype), Tensor(mean.shape, mean.dtype))
    outputs = (*step.outputs, mean, variance, *affine)
    graph.replace_in_place(norm, Call(BATCH_NORM_ACTIVATE, norm.inputs, {**norm.params, **step.params}, outputs))
    return True


def activation_into_normalisation_backward(graph: FusionGraph, step: Call) -> bool:
    """batch_norm_backward(f'(y) dy, x)  ->  batch_norm_activate_backward(dy, x), if y is batch_norm_activate(x)."""
    if step.primitive.operation is not Reference.batch_norm_backward:
        return False
    dh, x, mean, variance, gamma = step.inputs
    gradient, norm = graph.sole_producer(dh, (Reference.activate_backward,)), graph.producer.get(mean)
    if gradient is None or norm is None or norm.primitive is not BATCH_NORM_ACTIVATE:
        return False
    dy, y = gradient.inputs
    former = (*norm.outputs[:3], *norm.inputs[:2])
    if not all(a is b for a, b in zip(former, (y, mean, variance, x, gamma))):
        return False
    inputs = (dy, x, mean, variance, gamma, *norm.outputs[3:])
    graph.replace(gradient, Call(BATCH_NORM_ACTIVATE_BACKWARD, inputs, norm.params, step.outputs))
    return True
