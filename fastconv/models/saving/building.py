"""A model made and compiled again from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastconv.engine import Variable
from fastconv.models.model import Model
from fastconv.serialization import ABOUT_LAMBDAS, deserialize, get_registered_object, is_nameless


def build_model(model_config: Any, build_shape: Any, compile_config: Any) -> Any:
    """A model with new weights.

    Args:
        model_config: what `serialize` gave for it.
        build_shape: that of its input, where it is not part of the configuration.
        compile_config: what `get_compile_config` returned; None: the model is not compiled.

    Raises:
        ValueError: what is described is not a model.
    """
    model = deserialize("layer", model_config)
    if not isinstance(model, Model):
        raise ValueError(f"its configuration must be that of a model. Received: {type(model).__name__}")
    if not model.built and build_shape:
        model.build(build_shape)
    if compile_config:
        model.compile(**_revived(compile_config))
    return model


def optimizer_state(model: Any) -> list[Variable]:
    """The optimizer's variables in an order that the model alone determines, whenever its layers were frozen."""
    return [] if model.optimizer is None else model.optimizer.saved_state(model.trainable_weights)


def other_state(model: Any) -> list[Variable]:
    """What is neither a weight nor the optimizer's: seeds of random layers, and whole numbers that layers count."""
    weights = set(model.weights)
    return [v for v in model.variables if v not in weights]


def _revived(config: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `compile`."""
    made: dict[str, Callable[[Any], Any]] = {
        "optimizer": lambda data: deserialize("optimizer", data),
        "loss": lambda data: _revive("loss", data),
        "metrics": lambda data: _revive("metric", data),
        "weighted_metrics": lambda data: _revive("metric", data),
    }
    return {key: made[key](value) if key in made else value for key, value in config.items()}


def _revive(kind: str, data: Any) -> Any:
    """The losses or metrics of `compile`, nested as they were; names that `compile` knows stay names."""
    if isinstance(data, list):
        return [_revive(kind, one) for one in data]
    if isinstance(data, dict) and "class_name" not in data:
        return {key: _revive(kind, one) for key, one in data.items()}
    if isinstance(data, str):
        found = get_registered_object(data)
        if found is None and is_nameless(data):
            raise ValueError(f"{ABOUT_LAMBDAS}. Received: {kind}={data!r}")
        return found or data
    return deserialize(kind, data)
