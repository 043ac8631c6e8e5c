"""Warnings about outputs that do not go with the loss, when a model is compiled."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import fastconv.activations as activations
import fastconv.losses as losses
from fastconv.engine.tree import leaves
from fastconv.models.compiled_loss import CompiledLoss
from fastconv.typing import AnyModel

# Losses of probabilities: the activation that makes these.
OF_PROBABILITIES = {
    losses.binary_crossentropy: "sigmoid",
    losses.binary_focal_crossentropy: "sigmoid",
    losses.categorical_crossentropy: "softmax",
    losses.categorical_focal_crossentropy: "softmax",
    losses.sparse_categorical_crossentropy: "softmax",
}


class ModelWarning(UserWarning):
    """A model that can be trained, but not to do what its author most likely wants.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore", fastconv.ModelWarning)
        ...     Sequential([layers.Dense(1, "softmax")]).compile("sgd", "mse")
    """


def warn_of_outputs(model: AnyModel, compiled: CompiledLoss, stacklevel: int) -> None:
    """Issue a `ModelWarning` for each output whose last layer does not go with its loss."""
    last = [_last_layer(layer) for layer in _last_layers(model)]
    for layer, loss in zip(last, _losses(model, compiled, len(last))):
        advice = advice_for(layer, loss)
        if advice:
            warnings.warn(f"compile: {advice}. Received: last layer={layer!r}", ModelWarning, stacklevel + 1)


def advice_for(layer: Any, loss: Any) -> str:
    """Return the rule that a last layer and its loss break, or an empty string."""
    activation = getattr(layer, "activation", None)
    if activation is activations.softmax and getattr(layer, "units", 0) == 1:
        return "softmax of a single unit is always 1, so that nothing is learned; use activation='sigmoid'"
    name, wanted = _of_probabilities(layer, loss)
    if not wanted or activation is not activations.linear:
        return ""
    return (
        f"{name} takes probabilities, but the last layer has no activation; give it activation={wanted!r}, or the loss "
        "from_logits=True"
    )


def _of_probabilities(layer: Any, loss: Any) -> tuple[str, str]:
    """Return the name of a loss of probabilities and the activation that makes these; empty texts for other losses."""
    if isinstance(loss, str):  # a crossentropy that follows from the shapes
        return loss, "sigmoid" if getattr(layer, "units", 0) == 1 else "softmax"
    function = getattr(loss, "fn", getattr(loss, "function", None))
    settings = {**getattr(loss, "kwargs", {}), **getattr(loss, "arguments", {})}
    wanted = OF_PROBABILITIES.get(function, "") if callable(function) and not settings.get("from_logits") else ""
    return getattr(function, "__name__", ""), wanted


def _last_layers(model: AnyModel) -> Iterator[Any]:
    """Yield the operations that make the outputs of a Sequential or functional model; none of other models."""
    outputs = getattr(model, "outputs", None)
    if outputs:
        yield from (t.node.operation if t.node is not None else None for t in outputs)
    else:
        yield from getattr(model, "_layers", [])[-1:]


def _last_layer(layer: Any) -> Any:
    """Return the last layer of a nested model; any other operation unchanged."""
    inner = list(_last_layers(layer))
    return _last_layer(inner[0]) if len(inner) == 1 else layer


def _losses(model: AnyModel, compiled: CompiledLoss, count: int) -> list[Any]:
    """Return the loss of each output; none if they cannot be assigned yet."""
    if not isinstance(compiled.losses, (list, tuple, dict)):
        return [compiled.losses] * count
    with contextlib.suppress(ValueError):
        return compiled.for_outputs(model._output_names(model.output)) if getattr(model, "outputs", None) else []
    return leaves(compiled.losses) if count == 1 else []
