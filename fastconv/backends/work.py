"""The floating-point operations of an operation, for profiles. Operations without a formula count only their bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from fastconv.backends.launch import Operation
from fastconv.backends.reference import Reference
from fastconv.window import Shape

# (shape of the first input, shape of the result, parameters) to a number of additions and multiplications
Formula = Callable[[Shape, Shape, Mapping[str, Any]], int]


def conv_flops(first: Shape, result: Shape, parameters: Mapping[str, Any]) -> int:
    """2 N OH OW KH KW CI CO, for each direction. Taps in the padding count, as in the usual sizes of nets."""
    convolution = parameters["convolution"]
    return 2 * convolution.pixels * prod(convolution.kernel_shape)


def conv_depthwise_flops(first: Shape, result: Shape, parameters: Mapping[str, Any]) -> int:
    """Return the sum of both convolutions."""
    return sum(
        conv_flops(first, result, {"convolution": parameters[name]})
        for name in ("convolution", "depthwise_convolution")
    )


def matmul_flops(first: Shape, result: Shape, parameters: Mapping[str, Any]) -> int:
    """2 rows depth columns, for each matrix of a batch."""
    return 2 * prod(result) * first[-2 if parameters.get("transpose_a") else -1]


FLOPS: dict[Operation, Formula] = {
    Reference.conv: conv_flops,
    Reference.conv_depthwise: conv_depthwise_flops,
    Reference.conv_backward_input: conv_flops,
    Reference.conv_backward_kernel: conv_flops,
    Reference.matmul: matmul_flops,
}


def count_flops(operation: Operation, first: Shape, result: Shape, parameters: Mapping[str, Any]) -> int:
    """Return the additions and multiplications of a convolution or a matrix product, and 0 for other operations.

    An algorithm that needs fewer, such as Winograd's, counts as a plain sum of products.

    Args:
        operation: a method of `Reference`.
        first: the shape of its first input.
        result: the shape of its result.
        parameters: its keyword arguments.
    """
    formula = FLOPS.get(operation)
    return 0 if formula is None else formula(first, result, parameters)
