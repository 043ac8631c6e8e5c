"""Pictures of models, drawn by Graphviz."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from fastconv.utils.model_graph import Vertex, vertices

TEXT = ("dot", "raw")  # what is written without Graphviz


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> Any:
    """A model as a graph of pydot, a box for each layer and operation; a model that is not drawn is one box.

    Args:
        model: the model.
        show_shapes, show_dtype: whether boxes tell the shapes and the dtype of what goes in and comes out.
        show_layer_names: whether they tell the name of a layer before its class.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: whether models within the model are drawn as frames around their own boxes.
        dpi: dots an inch.
        subgraph: whether a cluster to put into another graph is wanted.
        show_layer_activations, show_trainable: whether boxes tell the activation, and whether training changes weights.

    Returns:
        A `pydot.Dot`, or a `pydot.Cluster`.

    Raises:
        ImportError: pydot is not installed.
        ValueError: the model has no weights yet.
    """
    pydot = _pydot()
    if not model.built:
        raise ValueError(
            f"plot_model: a model must be built before it is drawn; call build(input_shape). Received: {model.name}"
        )
    if subgraph:
        graph = pydot.Cluster(_plain(model.name), label=_quoted(model.name), style="dashed")
    else:
        graph = pydot.Dot(graph_type="digraph", rankdir=rankdir, dpi=str(dpi), concentrate=True)
        graph.set_node_defaults(shape="record")
    shown = {
        "names": show_layer_names,
        "activations": show_layer_activations,
        "shapes": show_shapes,
        "dtype": show_dtype,
        "trainable": show_trainable,
    }
    _draw(pydot, graph, model, f"{model.name}/" if subgraph else "", shown, expand_nested)
    return graph


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> Any:
    """Draw a model into a file: png, svg, pdf, or whatever else Graphviz makes by the name's ending; dot without it.

    Args:
        model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi, show_layer_activations,
            show_trainable: as for `model_to_dot`.
        to_file: the file.

    Returns:
        In a notebook, the image of a png file; else None.

    Raises:
        ImportError: pydot is not installed.
        FileNotFoundError: Graphviz is not installed.
        ValueError: the model has no weights yet.
    """
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
    )
    kind = Path(to_file).suffix.removeprefix(".").lower() or "png"
    path = os.fspath(to_file) if Path(to_file).suffix else f"{os.fspath(to_file)}.png"
    if kind not in TEXT and shutil.which("dot") is None:
        raise FileNotFoundError(
            "plot_model: Graphviz's program 'dot' must be installed (apt install graphviz, brew install graphviz), "
            f"unless to_file ends in .dot. Received: to_file={path!r}"
        )
    graph.write(path, format="raw" if kind in TEXT else kind)
    if kind == "png" and "IPython" in sys.modules:
        from IPython.display import Image

        return Image(filename=path)
    return None


def _draw(
    pydot: Any, graph: Any, model: Any, prefix: str, shown: dict[str, bool], expand: bool
) -> tuple[list[str], list[str]]:
    """Add the boxes and arrows of a model; returns the boxes that its inputs are, and those that make its outputs."""
    entries: dict[str, list[str]] = {}
    exits: dict[str, list[str]] = {}
    found = vertices(model)
    for vertex in found:
        name = prefix + vertex.name
        if expand and getattr(vertex.operation, "nodes", None):
            inner = pydot.Cluster(_plain(name), label=_quoted(vertex.name), style="dashed")
            entries[vertex.name], exits[vertex.name] = _draw(pydot, inner, vertex.operation, name + "/", shown, expand)
            graph.add_subgraph(inner)
        else:
            graph.add_node(pydot.Node(_quoted(name), label=f'"{_label(vertex, shown)}"'))
            entries[vertex.name] = exits[vertex.name] = [_quoted(name)]
        for source in vertex.sources:
            for start in exits[source]:
                for end in entries[vertex.name]:
                    graph.add_edge(pydot.Edge(start, end))
    made = {t: vertex.name for vertex in found for t in vertex.outputs}
    last = list(dict.fromkeys(made[t] for t in model.outputs)) if made else [found[-1].name]
    first = [vertex.name for vertex in found if not vertex.sources]
    return [box for name in first for box in entries[name]], [box for name in last for box in exits[name]]


def _label(vertex: Vertex, shown: dict[str, bool]) -> str:
    """The lines of a box, as Graphviz's records are written."""
    title = f"{vertex.name} ({vertex.kind})" if shown["names"] else vertex.kind
    lines = [_escaped(title)]
    activation = getattr(vertex.operation, "activation", None)
    if shown["activations"] and activation is not None:
        lines.append(f"activation: {getattr(activation, '__name__', type(activation).__name__)}")
    if shown["shapes"]:
        ends = [("input", vertex.inputs), ("output", vertex.outputs)]
        lines.append("|".join(f"{end}: {', '.join(str(t.shape) for t in tensors) or '?'}" for end, tensors in ends))
        lines[-1] = "{" + lines[-1] + "}"
    if shown["dtype"]:
        lines.append(", ".join(dict.fromkeys(t.dtype.name for t in vertex.outputs)) or "?")
    if shown["trainable"] and hasattr(vertex.operation, "trainable"):
        lines.append("trainable" if vertex.operation.trainable else "non-trainable")
    return "{" + "|".join(lines) + "}"


def _plain(name: str) -> str:
    """`name` as one word."""
    return re.sub(r"\W", "_", name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', r"\"") + '"'


def _escaped(text: str) -> str:
    """`text` without the meaning that some signs have in records."""
    return re.sub(r'([{}|<>"\\])', r"\\\1", text)


def _pydot() -> Any:
    try:
        import pydot
    except ImportError as error:
        raise ImportError("Pictures of models need pydot: pip install fastconv[plot], and Graphviz") from error
    return pydot
