"""Models as JSON, as `Model.to_json` of fastconv and of Keras write them."""

from __future__ import annotations

from typing import Any

from fastconv.models.saving.building import build_model
from fastconv.models.saving.compiling import compile_options
from fastconv.models.saving.from_keras import from_keras
from fastconv.models.saving.matching import naming, parse
from fastconv.serialization import custom_object_scope

PLACE = "model_from_json"


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the model whose configuration `Model.to_json`, here or in Keras, wrote, with new weights.

    It is compiled if the model was, as Keras does.

    Args:
        json_string: the configuration.
        custom_objects: classes and functions of your own, by name.

    Raises:
        ValueError: it is no JSON, or describes no model, or names an unknown layer.
    """
    with naming(PLACE), custom_object_scope(custom_objects or {}):
        data = parse(json_string)
        shape = (data.get("build_config") or {}).get("input_shape")
        return build_model(from_keras("layer", data), shape, compile_options(data.get("compile_config"), PLACE))
