"""The table of a model's layers for notebooks."""

from __future__ import annotations

from fastconv.models.summary import summary_table, totals
from fastconv.typing import AnyModel


def summary_html(model: AnyModel) -> str:
    """Return the table of `Model.summary` as HTML."""
    from html import escape  # when a notebook asks, to keep the import of fastconv fast

    table = summary_table(model)
    sides = ["right" if i in table.right else "left" for i in range(len(table.header))]
    header = "".join(f'<th style="text-align: {side}">{escape(cell)}</th>' for side, cell in zip(sides, table.header))
    rows = "".join(
        "<tr>"
        + "".join(f'<td style="text-align: {side}">{escape(cell)}</td>' for side, cell in zip(sides, row))
        + "</tr>"
        for row in table.rows
    )
    name, lines = escape(model.name), "<br>".join(map(escape, totals(model)))
    return f"<b>Model: {name}</b><table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>{lines}"
