"""Pictures of models, drawn by Graphviz if it is installed, otherwise by Matplotlib."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

from fastconv.typing import AnyModel
from fastconv.utils.files import write_whole
from fastconv.utils.model_drawing import draw
from fastconv.utils.model_graph import Box, Vertex, boxes

TEXT = ("dot", "raw")  # endings of files in Graphviz's language, which need no program


class Shown(NamedTuple):
    """Which lines of text a box has, in addition to the kind of its operation."""

    names: bool
    activations: bool
    shapes: bool
    dtype: bool
    trainable: bool


def model_to_dot(
    model: AnyModel,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Convert a model to a pydot graph with a box for each layer and operation.

    A model without a graph, for example a subclass with `call`, becomes a single box.

    Args:
        model: the model.
        show_shapes: bool. Whether boxes show the shapes of inputs and outputs. Default: False.
        show_dtype: bool. Whether boxes show the dtype of outputs. Default: False.
        show_layer_names: bool. Whether boxes show a layer's name before its class. Default: True.
        rankdir: "TB" for top to bottom (default), "BT", "LR" for left to right, or "RL".
        expand_nested: bool. Whether nested models are drawn as frames with their own boxes. Default: False.
        dpi: int. Dots per inch. Default: 200.
        subgraph: bool. Whether to return a cluster, to be put into another graph. Default: False.
        show_layer_activations: bool. Whether boxes show a layer's activation. Default: False.
        show_trainable: bool. Whether boxes show if a layer is trainable. Default: False.
        splines: how Graphviz draws edges: "ortho" (default), "line", "polyline", "curved" or "spline".

    Returns:
        A `pydot.Dot` or, if `subgraph`, a `pydot.Cluster`.

    Raises:
        ImportError: pydot is not installed.
        ValueError: the model has no weights yet.

    Example:
        >>> graph = utils.model_to_dot(model, show_shapes=True)  # doctest: +SKIP
        >>> print(graph.to_string())  # doctest: +SKIP
    """
    pydot = _pydot()
    shown = Shown(show_layer_names, show_layer_activations, show_shapes, show_dtype, show_trainable)
    rows = _rows(model, shown, expand_nested, f"{model.name}/" if subgraph else "")
    if subgraph:
        graph = pydot.Cluster(_plain(model.name), label=_quoted(model.name), style="dashed")
    else:
        graph = pydot.Dot(graph_type="digraph", rankdir=rankdir, dpi=str(dpi), concentrate=True, splines=splines)
        graph.set_node_defaults(shape="record")
    frames: dict[tuple[str, ...], Any] = {(): graph}
    frames_of = {box.name: box.frames for box, _ in rows}
    for box, lines in rows:
        _frame(pydot, frames, box.frames).add_node(pydot.Node(_quoted(box.name), label=f'"{_record(lines)}"'))
        for source in box.sources:  # an edge within a cluster would draw both of its ends into it
            common = box.frames
            while frames_of[source][: len(common)] != common:
                common = common[:-1]
            _frame(pydot, frames, common).add_edge(pydot.Edge(_quoted(source), _quoted(box.name)))
    return graph


def plot_model(
    model: AnyModel,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Draw a model into a file, in the format of its ending: png, svg, pdf, dot and others.

    Graphviz draws the picture if its program `dot` is installed; otherwise Matplotlib does. A file that ends in .dot
    contains the graph as text.

    Args:
        model: the model.
        to_file: str or path. The file; ".png" is added if it has no ending. Default: "model.png".
        show_shapes: bool. Whether boxes show the shapes of inputs and outputs. Default: False.
        show_dtype: bool. Whether boxes show the dtype of outputs. Default: False.
        show_layer_names: bool. Whether boxes show a layer's name before its class. Default: False.
        rankdir: "TB" for top to bottom (default), "BT", "LR" for left to right, or "RL".
        expand_nested: bool. Whether nested models are drawn as frames with their own boxes. Default: False.
        dpi: int. Dots per inch. Default: 200.
        show_layer_activations: bool. Whether boxes show a layer's activation. Default: False.
        show_trainable: bool. Whether boxes show if a layer is trainable. Default: False.
        splines: how Graphviz draws edges, as in `model_to_dot`; Matplotlib draws straight lines. Default: "ortho".

    Returns:
        In a notebook, the image if the format is png; otherwise None.

    Raises:
        ImportError: pydot or Matplotlib is needed but not installed.
        ValueError: the model has no weights yet, or the format needs Graphviz, which is not installed.

    Example:
        >>> utils.plot_model(model, "model.svg", show_shapes=True)  # doctest: +SKIP
    """
    kind = Path(to_file).suffix.removeprefix(".").lower() or "png"
    path = os.fspath(to_file) if Path(to_file).suffix else f"{os.fspath(to_file)}.png"
    if kind in TEXT or shutil.which("dot") is not None:
        graph = model_to_dot(
            model,
            show_shapes,
            show_dtype,
            show_layer_names,
            rankdir,
            expand_nested,
            dpi,
            show_layer_activations=show_layer_activations,
            show_trainable=show_trainable,
            splines=splines,
        )
        content = graph.to_string().encode() if kind in TEXT else graph.create(format=kind)
        write_whole(path, lambda file: file.write(content))
    else:
        shown = Shown(show_layer_names, show_layer_activations, show_shapes, show_dtype, show_trainable)
        draw(_rows(model, shown, expand_nested), path, kind, rankdir, dpi)
    if kind == "png" and "IPython" in sys.modules:
        from IPython.display import Image

        return Image(filename=path)
    return None


def _rows(model: AnyModel, shown: Shown, expand: bool, prefix: str = "") -> list[tuple[Box, list[list[str]]]]:
    """Return the boxes of a picture, each with its lines of text. Raises ValueError if the model has no weights yet."""
    if not model.built:
        raise ValueError(
            f"plot_model: a model must be built before it is drawn; call build(input_shape). Received: {model.name}"
        )
    return [(box, _lines(box.vertex, shown)) for box in boxes(model, expand, prefix)]


def _lines(vertex: Vertex, shown: Shown) -> list[list[str]]:
    """Return the lines of text in a box, each with one or two cells."""
    lines = [[f"{vertex.name} ({vertex.kind})" if shown.names else vertex.kind]]
    activation = getattr(vertex.operation, "activation", None)
    if shown.activations and activation is not None:
        lines.append([f"activation: {getattr(activation, '__name__', type(activation).__name__)}"])
    if shown.shapes:
        ends = [("input", vertex.inputs), ("output", vertex.outputs)]
        lines.append([f"{end}: {', '.join(str(t.shape) for t in tensors) or '?'}" for end, tensors in ends])
    if shown.dtype:
        lines.append([", ".join(dict.fromkeys(t.dtype.name for t in vertex.outputs)) or "?"])
    if shown.trainable and hasattr(vertex.operation, "trainable"):
        lines.append(["trainable" if vertex.operation.trainable else "non-trainable"])
    return lines


def _frame(pydot: Any, frames: dict[tuple[str, ...], Any], names: tuple[str, ...]) -> Any:
    """Return the cluster of a nested model; create it when its first box is drawn."""
    if names not in frames:
        label = names[-1].rpartition("/")[2]
        frames[names] = pydot.Cluster(_plain(names[-1]), label=_quoted(label), style="dashed")
        _frame(pydot, frames, names[:-1]).add_subgraph(frames[names])
    return frames[names]


def _record(lines: list[list[str]]) -> str:
    """Return the label of a box in Graphviz's language of "record" shapes."""
    texts = ["|".join(map(_escaped, cells)) for cells in lines]
    return "{" + "|".join(f"{{{text}}}" if len(cells) > 1 else text for text, cells in zip(texts, lines)) + "}"


def _plain(name: str) -> str:
    """Return `name` as a single word."""
    return re.sub(r"\W", "_", name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', r"\"") + '"'


def _escaped(text: str) -> str:
    """Escape the characters of `text` that have a meaning in records."""
    return re.sub(r'([{}|<>"\\])', r"\\\1", text)


def _pydot() -> Any:
    try:
        import pydot
    except ImportError as error:
        raise ImportError("Graphs of models need pydot: pip install fastconv[plot]") from error
    return pydot
