"""Dtype policies of Keras, as the dtype that a layer has here.

Everything is computed in float32 or float64 here. Layers of smaller floats, of mixed precision and of quantised weights
keep their weights in the float32 that they stand for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SMALL = ("bfloat16", "float16")
UNREADABLE = ("awq", "gptq")  # quantised kernels of which only Keras knows the form


def dtype_of(policy: Any) -> Any:
    """Return the dtype of a layer with a policy, which is a name or a configuration; None stays None."""
    if isinstance(policy, Mapping):
        config = policy.get("config") or {}
        return dtype_of(config.get("name", config.get("source_name", config.get("default_policy"))))
    if not isinstance(policy, str):
        return policy
    source = policy.partition("_from_")[2] or policy
    return "float32" if source.startswith("mixed_") or source in SMALL else source


def check_readable(layer: str, policy: Any) -> None:
    """Raise ValueError if the policy of a layer keeps its weights in a form that cannot be read here."""
    config = policy.get("config") if isinstance(policy, Mapping) else None
    mode = str((config or {}).get("mode", policy)).partition("/")[0].partition("_from_")[0]
    if mode in UNREADABLE:
        raise ValueError(
            f"the layer {layer!r} has the dtype policy {mode!r}, whose weights fastconv cannot read: save the model in "
            "Keras before it is quantised so, or quantised with 'int8', 'int4' or 'float8'"
        )
