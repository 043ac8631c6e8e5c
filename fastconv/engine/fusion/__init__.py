"""Fusion: rewrite a list of steps so that one kernel computes several, before buffers are assigned."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import fastconv.engine.fusion.normalisation as normalisation
import fastconv.engine.fusion.padding as padding
import fastconv.engine.fusion.pooling as pooling
import fastconv.engine.fusion.products as products
from fastconv.engine.fusion.graph import FusionGraph
from fastconv.engine.primitive import Call, Tensor

Rule = Callable[[FusionGraph, Call], bool]
RULES: tuple[Rule, ...] = (
    padding.padding_into_convolution,
    padding.padding_into_convolution_backward,
    products.bias_into_product,
    products.bias_onto_bias,
    products.scale_into_product,
    products.normalisation_into_product,
    products.residual_into_convolution,
    products.activation_into_product,
    normalisation.activation_into_given_normalisation,
    normalisation.shift_after_scale,
    pooling.argmax_unused,
    pooling.activation_before_unpooling,
    pooling.sum_before_unpooling,
    normalisation.activation_into_normalisation,
    normalisation.activation_into_normalisation_backward,
)
LAST_RULES: tuple[Rule, ...] = (products.convolution_into_depthwise,)  # for products that are complete


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
