"""Arguments of the constructors of models."""

from __future__ import annotations

import inspect
from inspect import Parameter
from typing import Any


def is_functional(args: tuple, kwargs: dict[str, Any]) -> bool:
    """Return whether the arguments of a constructor are the inputs and outputs of a functional model."""
    return len(args) >= 2 or "outputs" in kwargs


def takes_inputs_and_outputs(cls: type) -> bool:
    """Return whether a constructor needs only inputs and outputs, so that the graph is the configuration."""
    parameters = _parameters(cls)
    rest = {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in rest]
    takes_all = rest <= {p.kind for p in parameters}
    return needed == ["inputs", "outputs"] or (takes_all and not needed)


def takes_layers(cls: type) -> bool:
    """Return whether the first argument of a constructor is a list of layers."""
    parameters = _parameters(cls)
    return bool(parameters) and (parameters[0].name == "layers" or parameters[0].kind is Parameter.VAR_POSITIONAL)


def _parameters(cls: type) -> list[Parameter]:
    return list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
