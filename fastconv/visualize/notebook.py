"""Forms of results for notebooks."""

from __future__ import annotations

import base64
from html import escape
from typing import Any

from fastconv.visualize.curves import history as draw_history


def history_html(history: Any) -> str:
    """Return the learning curves of a `History` as an image, or a table if Matplotlib is not installed."""
    try:
        png = draw_history(history)._repr_png_()
    except (ImportError, ValueError):  # no Matplotlib, or no epochs
        return history_table(history)
    return f'<img alt="learning curves" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def history_table(history: Any) -> str:
    """Return a table with a row for each epoch."""
    names = list(history.history)
    header = "".join(f"<th>{escape(name)}</th>" for name in ("epoch", *names))
    rows = [
        f"<tr><td>{epoch + 1}</td>" + "".join(f"<td>{escape(_text(value))}</td>" for value in values) + "</tr>"
        for epoch, values in zip(history.epoch, zip(*history.history.values()))
    ]
    return f"<table><thead><tr>{header}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
