"""Rules for pooling and its gradient."""

from __future__ import annotations

from fastconv.backends.reference import Reference
from fastconv.engine.fusion.graph import FusionGraph
from fastconv.engine.primitive import Call, Primitive, Tensor

# The pooling that computes only the extremes, for the pooling that computes the argmax too.
WITHOUT_ARGMAX = {Reference.max_pool_argmax: Reference.max_pool, Reference.min_pool_argmax: Reference.min_pool}


def argmax_unused(graph: FusionGraph, step: Call) -> bool:
    """max_pool_argmax(x)  ->  max_pool(x), if no gradient uses the argmax."""
    extremes = WITHOUT_ARGMAX.get(step.primitive.operation)
    if extremes is None or graph.uses[step.outputs[1]]:
        return False
    y = step.outputs[0]
    pool = Primitive(extremes, lambda x, **_: (y.shape, y.dtype))
    graph.append(Call(pool, step.inputs, step.params, (y,)))
    return True


def activation_before_unpooling(graph: FusionGraph, step: Call) -> bool:
    """f'(x) extreme_pool_backward(dy, argmax)  ->  extreme_pool_backward(f'(y) dy, argmax).

    Pooling x must give y and argmax: dy arrives only at the extremes, and there x = y.
    """
    if step.primitive.operation is not Reference.activate_backward:
        return False
    pooled = graph.sole_producer(step.inputs[0], (Reference.extreme_pool_backward,))
    if pooled is None:
        return False
    pool = graph.producer.get(pooled.inputs[1])
    if pool is None or pool.inputs[0] is not step.inputs[1]:
        return False
    dy, argmax = pooled.inputs
    scaled = Tensor(dy.shape, dy.dtype)
    graph.append(Call(step.primitive, (dy, pool.outputs[0]), step.params, (scaled,)))
    graph.replace(pooled, Call(pooled.primitive, (scaled, argmax), pooled.params, step.outputs))
    return True


def sum_before_unpooling(graph: FusionGraph, step: Call) -> bool:
    """sum(extreme_pool_backward(dy, argmax)) over all axes but the channels  ->  sum(dy): each dy arrives at a pixel.

    The rule does not apply if a window can lie in the padding only, since its dy is lost.
    """
    pooled = graph.producer.get(step.inputs[0]) if step.primitive.operation is Reference.sum else None
    if pooled is None or pooled.primitive.operation is not Reference.extreme_pool_backward:
        return False
    pooling = pooled.params["pooling"]
    covered = pooling.dilation == (1, 1) and all(max(p) < k for p, k in zip(pooling.padding, pooling.size))
    if step.params["axis"] != (0, 1, 2) or not covered:
        return False
    graph.append(Call(step.primitive, (pooled.inputs[0],), step.params, step.outputs))
    return True
