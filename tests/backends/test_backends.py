"""Information that the choice of a backend gives to users."""

from __future__ import annotations

import inspect

import fastconv
from fastconv.backends.reference import Reference


def test_show_config_lists_every_kernel_once(capsys):
    fastconv.show_config()
    out = capsys.readouterr().out
    after_device = out[out.index("processor: ") :]  # the name of a GPU may be long
    assert max(map(len, after_device.splitlines())) <= 100
    lines = dict(line.split(": ", 1) for line in out.replace("\n  ", " ").splitlines())
    tuned, plain = (lines[f"float32, {kind}"].split(", ") for kind in ("tuned", "reference (NumPy)"))
    assert sorted(tuned + plain) == sorted(
        name for name, member in vars(Reference).items() if inspect.isfunction(member) and name[0] != "_"
    )
    assert {"conv", "max", "elementwise"} <= set(tuned)
    assert "exp" in lines["float32, tuned functions of elementwise (NumPy computes the others)"]
