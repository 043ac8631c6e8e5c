"""A model made and compiled again from its configuration."""

from __future__ import annotations

from typing import Any

from fastconv.engine import Variable
from fastconv.models.model import Model
from fastconv.serialization import deserialize


def build_model(model_config: Any, build_shape: Any, compile_config: Any) -> Any:
    """A model with new weights.

    Args:
        model_config: what `serialize` gave for it.
        build_shape: that of its input, where it is not part of the configuration.
        compile_config: what `get_compile_config` returned; the model is not compiled if that is None or nothing.

    Raises:
        ValueError: what is described is not a model.
    """
    model = deserialize("layer", model_config)
    if not isinstance(model, Model):
        raise ValueError(f"its configuration must be that of a model. Received: {type(model).__name__}")
    if not model.built and build_shape:
        model.build(build_shape)
    if compile_config:
        model.compile_from_config(compile_config)
    return model


def optimizer_state(model: Any) -> list[Variable]:
    """The optimizer's variables in an order that the model alone determines, whenever its layers were frozen."""
    return [] if model.optimizer is None else model.optimizer.saved_state(model.trainable_weights)


def other_state(model: Any) -> list[Variable]:
    """What is neither a weight nor the optimizer's: seeds of random layers, and whole numbers that layers count."""
    weights = set(model.weights)
    return [v for v in model.variables if v not in weights]
