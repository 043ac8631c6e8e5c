"""The nets of both sides are the same: with equal weights they give equal outputs and gradients."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.rivals import ours
from benchmarks.support.cases import expand
from fastconv import GradientTape, config, layers, losses, ops
from fastconv.backends.gpu.transfer import to_host

torch = pytest.importorskip("torch", reason="PyTorch, the rival, is not installed")
twin = pytest.importorskip("benchmarks.nets.twin")

KINDS = {
    layers.Conv2D: torch.nn.Conv2d,
    layers.BatchNormalization: torch.nn.BatchNorm2d,
    layers.Dense: torch.nn.Linear,
}


def pairs(model, theirs):
    """Return the corresponding layers of both nets, which have the same order."""
    named = [node.operation for node in model.nodes if isinstance(node.operation, tuple(KINDS))]
    modules = [module for module in theirs.modules() if isinstance(module, tuple(KINDS.values()))]
    assert [KINDS[type(layer)] for layer in named] == [type(module) for module in modules]
    return list(zip(named, modules))


def as_theirs(array, layer, features):
    """Return a weight of `layer`, or its gradient, with PyTorch's order of axes; `features` (H, W, C) is the shape
    before Flatten.
    """
    if array.ndim == 4:
        return array.transpose(3, 2, 0, 1)
    if layer.name == "fc1" and array.ndim == 2:
        array = array.reshape(*features, -1).transpose(2, 0, 1, 3).reshape(array.shape)
    return array.T


def parameters(module):
    """Return the parameters in the order of our weights."""
    normalizes = isinstance(module, torch.nn.BatchNorm2d)
    return [module.weight, module.bias, *([module.running_mean, module.running_var] if normalizes else [])]


@pytest.mark.parametrize("name", ["vgg16", "resnet50"])
def test_nets_of_both_sides_agree(name, rng):
    """In float64: random weights magnify rounding, in float32 to hundredths of the gradients of a deep net."""
    config.set_floatx("float64")
    (case,) = expand("tests", f"model {name} image=64x32x3 classes=7 direction=train batch=2")
    model = ours.net(case)
    for variable in model.variables:
        if len(variable.shape) == 1 and variable.dtype == "float64":  # the initial values are all zeros or ones
            variable.assign(variable + 0.1 * rng.random(variable.shape))
    theirs = twin.twin_of(model)
    matched = pairs(model, theirs)
    x, labels = case.arrays().values()
    their_x = torch.from_numpy(x).movedim(-1, 1).double()

    for training in (False, True):
        found = theirs.train(training)(their_x)
        with GradientTape() as tape:
            y = model(x, training=training)
            loss = ops.mean(losses.sparse_categorical_crossentropy(labels, y))
        np.testing.assert_allclose(y.numpy(), (found.softmax(1) if training else found).detach(), atol=1e-6)
    torch.nn.functional.cross_entropy(found, torch.from_numpy(labels)).backward()
    gradients = tape.gradient(loss, [layer.trainable_weights for layer, _ in matched])
    for (layer, module), of_layer in zip(matched, gradients):
        for gradient, parameter in zip(of_layer, parameters(module)):
            given, wanted = as_theirs(to_host(gradient), layer, (2, 1, 512)), parameter.grad.numpy()
            np.testing.assert_allclose(given, wanted, atol=1e-6 * np.abs(wanted).max() + 1e-9, err_msg=layer.name)
