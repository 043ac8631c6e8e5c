"""The explanation of a model: the formulas and the counts of each layer, as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fastconv.models.counting import count_layers
from fastconv.models.summary import times
from fastconv.typing import AnyModel, ShapeLike
from fastconv.utils.layer_counts import LayerCounts


def print_explanation(model: AnyModel, input_shape: ShapeLike | None, print_line: Callable[[str], Any]) -> None:
    """Print the formulas and the counts of each layer; see `Model.explain`."""
    counts = count_layers(model, input_shape)
    print_line(f'Model "{model.name}"')
    for each in counts:
        _print_facts(f"{each.name} ({each.kind})", facts_of(each), print_line)
    totals = ((name, sum(getattr(each, name.replace("-", "_")) for each in counts)) for name in COUNTED)
    _print_facts("All layers", ((name, f"{n:,}") for name, n in totals), print_line)


COUNTED = ("weights", "neurons", "connections", "multiply-adds")


def _print_facts(title: str, facts: Iterator[tuple[str, str]], print_line: Callable[[str], Any]) -> None:
    print_line("")
    print_line(title)
    for name, value in facts:
        print_line(f"  {name:<15}  {value}")


def facts_of(counts: LayerCounts) -> Iterator[tuple[str, str]]:
    """Yield (name, text) of each count of a layer that is not zero, and of its formulas."""
    yield "output shape", str(counts.output_shape)
    for formula in dict.fromkeys(counts.formulas):
        yield "output size", formula
    if counts.weights:
        yield "weights", counts.weights_formula or f"{counts.weights:,}"
    for name in COUNTED[1:]:
        number = getattr(counts, name.replace("-", "_"))
        if number:
            yield name, f"{number:,}"
    if counts.receptive_field is not None:
        yield "receptive field", times(counts.receptive_field)
