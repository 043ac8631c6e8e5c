"""The result of every function: a figure and the arrays that it shows."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from fastconv.utils.files import FilePath, write_whole

Axes: TypeAlias = Any  # matplotlib.axes.Axes; Matplotlib is imported when a function is called
DOTS_PER_INCH = 120
ANIMATED = (".gif", ".html")


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """A figure of Matplotlib and the arrays that it shows; ``picture["name"]`` is an array.

    A notebook shows a picture that is the last value of a cell.

    Args:
        figure: the figure, `matplotlib.figure.Figure`.
        arrays: dict from the names of arrays to NumPy arrays.
        html: a function that returns the animation for notebooks, if the picture moves, or None. Default: None.

    Example:
        >>> picture = visualize.convolution_matrix(np.ones((2, 2)), (3, 3))
        >>> picture
        Picture(matrix=(4, 9))
        >>> picture["matrix"][0].tolist()
        [1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """

    figure: Any
    arrays: Mapping[str, np.ndarray]
    html: Callable[[], str] | None = None

    def __getitem__(self, name: str) -> np.ndarray:
        """Return an array.

        Raises:
            KeyError: there is no array of this name.
        """
        if name not in self.arrays:
            raise KeyError(f"Picture: name must be one of {', '.join(self.arrays)}. Received: name={name!r}")
        return self.arrays[name]

    def __repr__(self) -> str:
        return f"Picture({', '.join(f'{name}={array.shape}' for name, array in self.arrays.items())})"

    def _repr_png_(self) -> bytes:
        """Return the picture for notebooks."""
        file = io.BytesIO()
        self.figure.savefig(file, format="png", dpi=DOTS_PER_INCH)
        return file.getvalue()

    def _repr_html_(self) -> str | None:
        """Return the animation for notebooks; None if the picture does not move."""
        return None if self.html is None else self.html()


def axes_for(owner: str, ax: Axes | None, path: FilePath | None, size: tuple[float, float]) -> Axes:
    """Return `ax`, or the axes of a new figure of `size` (width, height) in inches, after checking `path`.

    Functions call this before they compute, so that errors come early.

    Raises:
        ImportError: Matplotlib is not installed.
        TypeError: `ax` is not an Axes of Matplotlib.
        ValueError: Matplotlib does not write files with the ending of `path`.
    """
    try:
        from matplotlib.axes import Axes as AxesOfMatplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"{owner}: pictures need Matplotlib: pip install fastconv[plot]") from error
    if ax is not None and not isinstance(ax, AxesOfMatplotlib):
        raise TypeError(f"{owner}: ax must be an Axes of Matplotlib, or None. Received: ax={ax!r}")
    figure = Figure(figsize=size, layout="constrained") if ax is None else ax.figure
    endings = tuple(f".{kind}" for kind in sorted(figure.canvas.get_supported_filetypes()))
    check_ending(owner, path, endings)
    return figure.add_subplot() if ax is None else ax


def check_ending(owner: str, path: FilePath | None, endings: tuple[str, ...]) -> None:
    """Raise ValueError unless `path` is None or has one of the endings."""
    if path is not None and ending_of(path) not in endings:
        raise ValueError(f"{owner}: path must end in {', '.join(endings)}. Received: path={path!r}")


def ending_of(path: FilePath) -> str:
    return Path(str(path)).suffix.lower()


def finish(ax: Axes, path: FilePath | None, arrays: Mapping[str, np.ndarray]) -> Picture:
    """Return the picture of the figure that holds `ax`; write the figure to `path`, completely or not at all."""
    figure = ax.figure.canvas.figure  # the figure itself if `ax` belongs to a part of it
    if path is not None:
        kind = ending_of(path).removeprefix(".")
        write_whole(path, lambda file: figure.savefig(file, format=kind, dpi=DOTS_PER_INCH))
    return Picture(figure, arrays)
