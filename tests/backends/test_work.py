"""FLOPs of operations and of nets, against numbers computed by hand."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

import fastconv
from fastconv import layers
from fastconv.backends.reference import Reference
from fastconv.backends.work import count_flops
from fastconv.geometry import Convolution
from fastconv.models.steps import trace_step


def products_of(model, images=1):
    """Return the multiply-adds of a prediction."""
    x = np.empty((images, *model.input_shape[1:]), np.float32)
    plan = trace_step(model, "predict", (x, None, None)).plan
    calls = [(call, call.inputs[0].shape, call.outputs[0].shape) for call in plan.steps]
    return sum(count_flops(call.primitive.operation, first, y, call.params) for call, first, y in calls) // 2


def products_of_layers(model):
    """Return the products of kernels and output pixels, added up over convolutions and dense layers."""
    products = 0
    for layer in model.layers:
        if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)):
            products += prod(layer.output.shape[1:-1]) * prod(layer.weights[0].shape)
    return products


def test_matmul():
    assert count_flops(Reference.matmul, (3, 4), (3, 5), {}) == 2 * 3 * 4 * 5
    assert count_flops(Reference.matmul, (4, 3), (3, 5), {"transpose_a": True}) == 2 * 3 * 4 * 5
    assert count_flops(Reference.matmul, (7, 3, 4), (7, 3, 5), {"transpose_b": True}) == 7 * 2 * 3 * 4 * 5


def test_a_convolution_and_a_depthwise_convolution():
    steps, padding = (1, 1), ((1, 1), (1, 1))
    expansion = Convolution.of((2, 6, 5, 3), (1, 1, 3, 8), steps, ((0, 0), (0, 0)), steps)
    depthwise = Convolution.of(expansion.output_shape, (3, 3, 1, 8), (2, 2), padding, steps)
    parameters = {"convolution": expansion, "depthwise_convolution": depthwise}
    products = 2 * 6 * 5 * 3 * 8 + 2 * 3 * 3 * 9 * 8
    assert count_flops(Reference.conv_depthwise, (2, 6, 5, 3), (2, 3, 3, 8), parameters) == 2 * products


def test_other_operations_count_only_bytes():
    assert count_flops(Reference.add, (3, 4), (3, 4), {}) == 0


def test_lenet_5():
    model = fastconv.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    by_hand = 28 * 28 * 25 * 6 + 10 * 10 * 25 * 6 * 16 + 400 * 120 + 120 * 84 + 84 * 10
    assert products_of(model) == by_hand == 416_520
    assert products_of(model, 16) == 16 * by_hand


def test_vgg_16():
    model = fastconv.applications.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3))
    dense = [(25088, 4096), (4096, 4096), (4096, 1000)]
    top = sum(count_flops(Reference.matmul, (1, n), (1, m), {}) // 2 for n, m in dense)
    assert products_of(model) == products_of_layers(model) == 15_346_630_656
    assert (products_of(model) + top) / 1e9 == pytest.approx(15.5, abs=0.05)


def test_mobilenet_v2():
    model = fastconv.applications.MobileNetV2(weights=None)
    assert products_of(model) == products_of_layers(model)
    assert products_of(model) / 1e9 == pytest.approx(0.30, abs=0.005)
