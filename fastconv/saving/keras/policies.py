"""Conversion of Keras's dtype policies to the dtype of a layer.

fastconv computes in float32 or float64. Layers with smaller floats, mixed precision or quantized weights keep the
corresponding float32 weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SMALL = ("bfloat16", "float16")
UNREADABLE = ("awq", "gptq")  # quantized kernels in a form that only Keras knows


def dtype_of(policy: Any) -> Any:
    """Return the dtype for a policy, which is a name or a configuration; None gives None."""
    if isinstance(policy, Mapping):
        config = policy.get("config") or {}
        return dtype_of(config.get("name", config.get("source_name", config.get("default_policy"))))
    if not isinstance(policy, str):
        return policy
    source = policy.partition("_from_")[2] or policy
    return "float32" if source.startswith("mixed_") or source in SMALL else source


def check_readable(layer: str, policy: Any) -> None:
    """Raise ValueError if a layer's policy stores its weights in a form that cannot be read here."""
    config = policy.get("config") if isinstance(policy, Mapping) else None
    mode = str((config or {}).get("mode", policy)).partition("/")[0].partition("_from_")[0]
    if mode in UNREADABLE:
        raise ValueError(
            f"the layer {layer!r} has the dtype policy {mode!r}, whose weights fastconv cannot read: save the model in "
            "Keras before it is quantised so, or quantised with 'int8', 'int4' or 'float8'"
        )
