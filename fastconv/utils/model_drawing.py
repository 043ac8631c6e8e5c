"""Drawings of graphs with Matplotlib: boxes in layers, connected by arrows.

The method is Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures", 1981.
Each box is placed in the layer after its last source. An arrow that crosses several layers has a bend in each of them.
Within a layer, the order follows the mean position of the neighbours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fastconv.utils.files import write_whole
from fastconv.utils.model_graph import Box

FONT_SIZE = 9
CHARACTER, LINE, MARGIN, GAP = (
    0.078,
    0.19,
    0.12,
    0.35,
)  # inches; the margin is around text, the gap between boxes
SWEEPS = 4  # number of improvements of the order within layers, down and up
MAX_PIXELS = 30_000  # per side of a picture; larger pictures get fewer dots per inch


@dataclass(eq=False)
class Place:
    """A box in the picture, or the bend of an arrow.

    Attributes:
        layer: the index of its layer.
        size: (width, height), in inches.
        lines: lines of text; empty for a bend.
        frames: as in `Box`.
        above, below: the places where its arrows begin and end.
        x, y: its centre, in inches.
    """

    layer: int
    size: tuple[float, float] = (0.0, 0.0)
    lines: list[list[str]] = field(default_factory=list)
    frames: tuple[str, ...] = ()
    above: list[Place] = field(default_factory=list)
    below: list[Place] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0


Rows = Sequence[tuple[Box, list[list[str]]]]  # boxes, each after its sources, with lines of text; a line has cells


def draw(rows: Rows, path: str, kind: str, rankdir: str, dpi: int, owner: str = "plot_model") -> None:
    """Draw boxes and arrows into a file.

    Args:
        rows: the boxes, each after its sources, with their lines of text; a line has one or more cells.
        path: the file.
        kind: its format: png, svg, pdf, or another format of Matplotlib.
        rankdir: the direction of the layers: "TB" (top to bottom), "BT", "LR" or "RL".
        dpi: dots per inch.
        owner: the name of the function for error messages.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: the direction or format is unknown.
    """
    kinds = _figure_class(owner)().canvas.get_supported_filetypes()
    if kind not in kinds:
        raise ValueError(
            f"{owner}: to_file must end in .dot, .{', .'.join(sorted(kinds))}; other endings need Graphviz, whose "
            f"program 'dot' is not installed. Received: to_file={path!r}"
        )
    figure = figure_of(rows, rankdir, owner)
    density = min(dpi, MAX_PIXELS / max(figure.get_size_inches()))
    write_whole(path, lambda file: figure.savefig(file, format=kind, dpi=density))


def figure_of(rows: Rows, rankdir: str, owner: str) -> Any:
    """Return a figure of Matplotlib with boxes and arrows; arguments and errors as for `draw`."""
    figure_class = _figure_class(owner)
    if rankdir not in ("TB", "BT", "LR", "RL"):
        raise ValueError(f"{owner}: rankdir must be 'TB', 'BT', 'LR' or 'RL'. Received: rankdir={rankdir!r}")
    across = rankdir in ("LR", "RL")
    layers = _in_layers(rows, across)
    _order(layers)
    width, height = _arrange(layers, across, rankdir in ("BT", "RL"))
    figure = figure_class(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    places = [place for layer in layers for place in layer]
    _draw_frames(axes, places)
    for place in places:
        _draw_arrows(axes, place, across)
        _draw_box(axes, place)
    return figure


def _figure_class(owner: str) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"{owner}: pictures need Matplotlib: pip install fastconv[plot]") from error
    return Figure


def _in_layers(rows: Rows, across: bool) -> list[list[Place]]:
    """Return the places of all boxes and of the bends of their arrows, as a list per layer."""
    made: dict[str, Place] = {}
    layers: dict[int, list[Place]] = defaultdict(list)
    for box, lines in rows:
        sources = [made[name] for name in dict.fromkeys(box.sources)]
        layer = 1 + max((source.layer for source in sources), default=-1)
        place = made[box.name] = Place(layer, _size(lines), lines, box.frames)
        layers[layer].append(place)
        for source in sources:
            last = source
            for between in range(source.layer + 1, layer):
                bend = Place(between)
                layers[between].append(bend)
                _connect(last, bend)
                last = bend
            _connect(last, place)
    return [layers[number] for number in range(len(layers))]


def _size(lines: list[list[str]]) -> tuple[float, float]:
    characters = max(sum(map(len, cells)) + 3 * (len(cells) - 1) for cells in lines)
    return characters * CHARACTER + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN


def _connect(source: Place, target: Place) -> None:
    source.below.append(target)
    target.above.append(source)


def _order(layers: list[list[Place]]) -> None:
    """Sort the layers, alternately downwards and upwards, to reduce crossings of arrows."""
    for _ in range(SWEEPS):
        _sort(layers, "above")
        _sort(layers[::-1], "below")


def _sort(layers: list[list[Place]], side: str) -> None:
    """Sort each layer by the mean position of the neighbours on a side, "above" or "below"."""
    position: dict[Place, int] = {}
    for layer in layers:
        wanted = {}
        for i, place in enumerate(layer):
            neighbours = [position[other] for other in getattr(place, side)]
            wanted[place] = sum(neighbours) / len(neighbours) if neighbours else i
        layer.sort(key=wanted.__getitem__)
        position.update({place: i for i, place in enumerate(layer)})


def _arrange(layers: list[list[Place]], across: bool, backwards: bool) -> tuple[float, float]:
    """Compute the centres of all places, and return the size of the picture."""
    along = 0 if across else 1  # the axis of `size` across the layers
    extent = 0.0
    for layer in layers[::-1] if backwards else layers:
        thickness = max(place.size[along] for place in layer)
        for place in layer:
            place.y = extent + GAP + thickness / 2
            if not place.lines:  # an arrow goes straight through the layer, between the boxes
                place.size = (thickness, 0.0) if across else (0.0, thickness)
        extent += GAP + thickness
    for layer in layers:
        _spread(layer, [_mean(place.above) for place in layer], 1 - along)
    for layer in layers[::-1]:
        _spread(layer, [_mean([*place.above, *place.below]) for place in layer], 1 - along)
    places = [place for layer in layers for place in layer]
    start = min(place.x - place.size[1 - along] / 2 for place in places) - GAP
    for place in places:
        place.x -= start
    end = max(place.x + place.size[1 - along] / 2 for place in places) + GAP
    if across:
        for place in places:
            place.x, place.y = place.y, place.x
    return (extent + GAP, end) if across else (end, extent + GAP)


def _mean(places: list[Place]) -> float:
    return sum(place.x for place in places) / len(places) if places else 0.0


def _spread(layer: list[Place], wanted: list[float], side: int) -> None:
    """Move the places of a layer to the wanted centres, as closely as possible without overlap."""
    edge = -float("inf")
    for place, x in zip(layer, wanted):
        half = place.size[side] / 2
        place.x = max(x, edge + GAP + half)
        edge = place.x + half
    shift = sum(place.x - x for place, x in zip(layer, wanted)) / len(layer)
    for place in layer:
        place.x -= shift


def _draw_box(axes: Any, place: Place) -> None:
    from matplotlib.patches import Rectangle

    if not place.lines:
        return
    width, height = place.size
    left, top = place.x - width / 2, place.y - height / 2
    axes.add_patch(Rectangle((left, top), width, height, facecolor="white", edgecolor="black", linewidth=0.8, zorder=3))
    for i, cells in enumerate(place.lines):
        y = top + MARGIN + (i + 0.5) * LINE
        axes.text(place.x, y, " | ".join(cells), ha="center", va="center", fontsize=FONT_SIZE, zorder=4)


def _draw_arrows(axes: Any, place: Place, across: bool) -> None:
    """Draw the arrows that lead to a place; an arrow to a bend has no head and continues through its layer."""
    if not place.lines:
        (width, height), look = place.size, {"color": "black", "linewidth": 0.8, "zorder": 2}
        axes.plot([place.x - width / 2, place.x + width / 2], [place.y - height / 2, place.y + height / 2], **look)
    for source in place.above:
        start, end = _ends(source, place, across)
        style = "-|>" if place.lines else "-"
        look = {"arrowstyle": style, "color": "black", "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", xy=end, xytext=start, arrowprops=look, zorder=2)


def _ends(source: Place, target: Place, across: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the points where an arrow leaves the side of one place and meets the side of another."""
    if across:
        sign = 1 if target.x > source.x else -1
        return (source.x + sign * source.size[0] / 2, source.y), (target.x - sign * target.size[0] / 2, target.y)
    sign = 1 if target.y > source.y else -1
    return (source.x, source.y + sign * source.size[1] / 2), (target.x, target.y - sign * target.size[1] / 2)


def _draw_frames(axes: Any, places: list[Place]) -> None:
    """Draw a dashed frame around the boxes of each nested model."""
    from matplotlib.patches import Rectangle

    inside: dict[tuple[str, ...], list[Place]] = defaultdict(list)
    for place in places:
        for depth in range(1, len(place.frames) + 1):
            inside[place.frames[:depth]].append(place)
    deepest = max(map(len, inside), default=0)
    for frames, members in inside.items():
        margin = MARGIN * (0.5 + 0.7 * (deepest - len(frames)))
        left = min(place.x - place.size[0] / 2 for place in members) - margin
        right = max(place.x + place.size[0] / 2 for place in members) + margin
        top = min(place.y - place.size[1] / 2 for place in members) - margin
        bottom = max(place.y + place.size[1] / 2 for place in members) + margin
        look: dict[str, Any] = {
            "facecolor": "none",
            "edgecolor": "grey",
            "linestyle": "--",
            "linewidth": 0.8,
            "zorder": 1,
        }
        axes.add_patch(Rectangle((left, top), right - left, bottom - top, **look))
        axes.text(left, top, frames[-1].rpartition("/")[2], ha="left", va="bottom", fontsize=FONT_SIZE, color="grey")
