"""Models as JSON, in the form of `Model.to_json` of fastconv and Keras."""

from __future__ import annotations

from typing import Any

from fastconv.models.saving.building import build_model
from fastconv.models.saving.compiling import compile_options
from fastconv.models.saving.from_keras import from_keras
from fastconv.models.saving.matching import naming, parse
from fastconv.serialization import custom_object_scope

PLACE = "model_from_json"


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """Create a model with new weights from the JSON of `Model.to_json`, of fastconv or Keras.

    If the model was compiled, the new model is compiled too, as in Keras.

    Args:
        json_string: str. The configuration.
        custom_objects: dict of your own classes and functions, by name. Default: None.

    Returns:
        A `Model`.

    Raises:
        ValueError: the text is not JSON, does not describe a model, or names an unknown layer.

    Example:
        >>> model = Sequential([Input((4,)), layers.Dense(3)])
        >>> models.model_from_json(model.to_json()).output_shape
        (None, 3)
    """
    with naming(PLACE), custom_object_scope(custom_objects or {}):
        data = parse(json_string)
        shape = (data.get("build_config") or {}).get("input_shape")
        return build_model(from_keras("layer", data), shape, compile_options(data.get("compile_config"), PLACE))
