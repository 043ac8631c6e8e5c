"""Creation and compilation of a model from its configuration."""

from __future__ import annotations

from typing import Any

from fastconv.engine import Variable
from fastconv.models.model import Model
from fastconv.serialization import deserialize


def build_model(model_config: Any, build_shape: Any, compile_config: Any) -> Any:
    """Create a model with new weights, and compile it.

    Args:
        model_config: the result of `serialize` for the model.
        build_shape: the shape of its input if it is not part of the configuration.
        compile_config: the result of `get_compile_config`; if it is None or empty, the model is not compiled.

    Raises:
        ValueError: the configuration does not describe a model.
    """
    model = deserialize("layer", model_config)
    if not isinstance(model, Model):
        raise ValueError(f"its configuration must be that of a model. Received: {type(model).__name__}")
    if not model.built and build_shape:
        model.build(build_shape)
    if compile_config:
        model.compile_from_config(compile_config)
    return model


def optimizer_state(model: Model) -> list[Variable]:
    """Return the optimizer's variables in an order that depends only on the model, not on when layers were frozen."""
    return [] if model.optimizer is None else model.optimizer.saved_state(model.trainable_weights)


def other_state(model: Model) -> list[Variable]:
    """Return the variables that are neither weights nor the optimizer's: seeds, and integer counters of layers."""
    weights = set(model.weights)
    return [v for v in model.variables if v not in weights]
