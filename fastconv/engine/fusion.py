"""Fusion: rewrite a list of steps so that one kernel computes several, before buffers are assigned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from fastconv.backends import joins
from fastconv.backends.formulas import PIECEWISE
from fastconv.backends.launch import Operation
from fastconv.backends.reference import Reference
from fastconv.engine.primitive import Call, Primitive, Tensor
from fastconv.geometry import Convolution

# conv_backward_input is also the transposed convolution.
PRODUCTS: tuple[Operation, ...] = (Reference.conv, Reference.matmul, Reference.conv_backward_input)
# The pooling that computes only the extremes, for the pooling that computes the argmax too.
WITHOUT_ARGMAX = {Reference.max_pool_argmax: Reference.max_pool, Reference.min_pool_argmax: Reference.min_pool}


class FusionGraph:
    """A list of steps while it is rewritten: producers and numbers of uses of tensors, and the invariant tensors."""

    def __init__(self, kept: Iterable[Tensor], invariant: set[Tensor], steps: list[Call]) -> None:
        self.invariant = invariant
        self.uses = Counter(t for step in steps for t in step.inputs)
        self.uses.update(kept)
        self.producer: dict[Tensor, Call] = {}
        self.steps: dict[Call, None] = {}
        self.names: tuple[str, ...] = ()  # of the step that is being rewritten

    def sole_producer(self, t: Tensor, operations: tuple[Operation, ...]) -> Call | None:
        """Return the step, one of `operations`, that makes `t` for a single user; else None."""
        step = self.producer.get(t)
        return step if step is not None and step.primitive.operation in operations and self.uses[t] == 1 else None

    def are_invariant(self, tensors: Iterable[Tensor]) -> bool:
        """Return True if `tensors` are constants or the same in every run."""
        return all(t.value is not None or t in self.invariant for t in tensors)

    def append(self, step: Call) -> None:
        self.steps[step] = None
        step.names = step.names or self.names
        self.producer.update((t, step) for t in step.outputs)

    def append_invariant(self, step: Call, like: Tensor) -> Tensor:
        """Append a step, and return its result, an invariant tensor with the shape and dtype of `like`."""
        result = Tensor(like.shape, like.dtype)
        self.append(Call(step.primitive, step.inputs, step.params, (result,)))
        self.invariant.add(result)
        return result

    def replace(self, former: Call, step: Call) -> None:
        """Replace `former` and its only user by `step`, which computes both."""
        del self.steps[former]
        step.names = _joined(former.names, self.names)
        self.append(step)

    def drop_use(self, step: Call) -> None:
        """Note that the result of `step` has a user less; remove the step after its last user."""
        self.uses[step.outputs[0]] -= 1
        if not self.uses[step.outputs[0]]:
            del self.steps[step]

    def replace_in_place(self, former: Call, step: Call) -> None:
        """Replace as `replace` does, at the place of `former`: its other results may have users further on."""
        later = list(self.steps)
        del later[: later.index(former)]
        self.replace(former, step)
        for other in later[1:]:
            self.steps[other] = self.steps.pop(other)


def fuse(steps: list[Call], kept: Iterable[Tensor], invariant: set[Tensor]) -> list[Call]:
    """Return `steps` with neighbours merged according to RULES, and then to LAST_RULES.

    Args:
        steps: in an order in which they can run.
        kept: tensors that are needed after the last step.
        invariant: tensors that are the same in every run until a variable is assigned.
    """
    kept = list(kept)
    for rules in (RULES, LAST_RULES):
        graph = FusionGraph(kept, invariant, steps)
        for step in steps:
            graph.names = step.names
            if not any(rule(graph, step) for rule in rules):
                graph.append(step)
        steps = list(graph.steps)
    return steps


def bias_into_product(graph: FusionGraph, step: Call) -> bool:
    """conv(x, w) + b  ->  conv(x, w, b)."""
    for y, b in _either_way(step, Reference.add):
        product = graph.sole_producer(y, PRODUCTS)
        if product is not None and len(product.inputs) == 2 and _is_channel_vector(b, y) and _is_plain(product):
            graph.replace(product, Call(product.primitive, (*product.inputs, b), product.params, step.outputs))
            return True
    return False


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
    graph.append(Call(step.primitive, (x, *step.inputs[1:]), params, step.outputs, _joined(names, step.names)))
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


def residual_into_convolution(graph: FusionGraph, step: Call) -> bool:
    """conv(x, w, b) + r  ->  conv(x, w, b, r), if r has the shape of the sum. The convolution then runs after r."""
    found = []
    for y, r in _either_way(step, Reference.add):
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
    if product is None or not _is_linear(product):
        return False
    graph.replace(product, Call(product.primitive, product.inputs, {**product.params, **epilogue}, step.outputs))
    return True


def activation_into_given_normalisation(graph: FusionGraph, step: Call) -> bool:
    """activate(normalize(x))  ->  normalize(x, activation), by given statistics."""
    if step.primitive.operation is not Reference.activate:
        return False
    normal = graph.sole_producer(step.inputs[0], (Reference.normalize,))
    if normal is None or not _is_linear(normal):
        return False
    graph.replace(normal, Call(normal.primitive, normal.inputs, {**normal.params, **step.params}, step.outputs))
    return True


def scale_into_product(graph: FusionGraph, step: Call) -> bool:
    """(conv(x, w) + b) s  ->  conv(x, w s) + b s, if w, b and s are invariant: batch normalization at inference."""
    for y, s in _either_way(step, Reference.multiply):
        product = graph.sole_producer(y, PRODUCTS)
        if product is None or not _is_channel_vector(s, y) or not _is_plain(product):
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


def shift_after_scale(graph: FusionGraph, step: Call) -> bool:
    """x s + t  ->  scale_shift(x, s, t), if s and t have one number per channel."""
    for y, t in _either_way(step, Reference.add):
        product = graph.sole_producer(y, (Reference.multiply,))
        if product is None or not _is_channel_vector(t, y):
            continue
        for x, s in _either_way(product, Reference.multiply):
            if _is_channel_vector(s, y) and (x.shape, x.dtype) == (y.shape, y.dtype):
                graph.replace(product, Call(SCALE_SHIFT, (x, s, t), {}, step.outputs))
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


def bias_onto_bias(graph: FusionGraph, step: Call) -> bool:
    """conv(x, w, b) + t  ->  conv(x, w, b + t), if b and t are invariant."""
    for y, t in _either_way(step, Reference.add):
        product = graph.sole_producer(y, PRODUCTS)
        if product is None or len(product.inputs) != 3 or not _is_plain(product) or not _is_channel_vector(t, y):
            continue
        if not graph.are_invariant((t, product.inputs[2])):
            continue
        total = Tensor(t.shape, t.dtype)
        graph.append(Call(step.primitive, (product.inputs[2], t), {}, (total,)))
        graph.invariant.add(total)
        graph.replace(product, Call(product.primitive, (*product.inputs[:2], total), product.params, step.outputs))
        return True
    return False


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


Rule = Callable[[FusionGraph, Call], bool]
RULES: tuple[Rule, ...] = (
    padding_into_convolution,
    padding_into_convolution_backward,
    bias_into_product,
    bias_onto_bias,
    scale_into_product,
    normalisation_into_product,
    residual_into_convolution,
    activation_into_product,
    activation_into_given_normalisation,
    shift_after_scale,
    argmax_unused,
    activation_before_unpooling,
    sum_before_unpooling,
    activation_into_normalisation,
    activation_into_normalisation_backward,
)
LAST_RULES: tuple[Rule, ...] = (convolution_into_depthwise,)  # for products that are complete
SILU = {"linear": 1.0, "cubic": 0.0}  # x sigmoid(x) as a gate
MULTIPLY = Primitive(Reference.multiply, lambda x, y: (x.shape, x.dtype))
SCALE_SHIFT = Primitive(Reference.scale_shift, lambda x, scale, shift: (x.shape, x.dtype))
CONV_DEPTHWISE = Primitive(
    Reference.conv_depthwise,
    lambda x, *_, depthwise_convolution, **__: (depthwise_convolution.output_shape, x.dtype),
)
BATCH_NORM_ACTIVATE = Primitive(
    Reference.batch_norm_activate, lambda x, gamma, beta, **_: [(x.shape, x.dtype), *[(gamma.shape, x.dtype)] * 4]
)
BATCH_NORM_ACTIVATE_BACKWARD = Primitive(
    Reference.batch_norm_activate_backward, lambda dy, x, *_, **__: [(x.shape, x.dtype), *[(x.shape[-1:], x.dtype)] * 2]
)


def _either_way(step: Call, operation: Operation) -> list[tuple[Tensor, Tensor]]:
    """Return (a, b) and (b, a) for a step of a commutative `operation`, and nothing for any other step."""
    if step.primitive.operation is not operation:
        return []
    a, b = step.inputs
    return [(a, b), (b, a)]


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of both, each once."""
    return tuple(dict.fromkeys((*first, *second)))


def _with_padding(step: Call, x: Tensor, pad: dict[str, Any]) -> dict[str, Any] | None:
    """Return the parameters of a convolution of x that pads as a `pad` before it, or None if it cannot."""
    batch, *sides, channels = pad["pad_width"]
    if any((*batch, *channels)) or pad.get("mode", "constant") != "constant":
        return None
    c = step.params["convolution"]
    padding = tuple((before + more, after + rest) for (before, after), (more, rest) in zip(c.padding, sides))
    return {**step.params, "convolution": Convolution.of(x.shape, c.kernel_shape, c.strides, padding, c.dilation)}


def _epilogue(step: Call) -> dict[str, Any] | None:
    """Return the parameters of a product that computes an activation, or None for any other step."""
    if step.primitive.operation is Reference.gate and step.params == SILU:
        return {"activation": "silu"}
    return step.params if step.primitive.operation is Reference.activate else None


def _is_linear(product: Call) -> bool:
    return product.params.get("activation") is None


def _is_plain(product: Call) -> bool:
    """Return True if a product ends with its sum or its bias: without a residual and an activation."""
    return _is_linear(product) and len(product.inputs) <= 3


def _is_grouped(conv: Call) -> bool:
    return bool(conv.params["convolution"].groups > 1)


def _has_channels_last(product: Call) -> bool:
    """Return True if the last axis of the weights is the channel axis of the result."""
    return product.primitive.operation is not Reference.conv_backward_input and not product.params.get("transpose_b")


def _is_channel_vector(b: Tensor, y: Tensor) -> bool:
    return b.shape == y.shape[-1:] and b.dtype == y.dtype and y.ndim > 1
