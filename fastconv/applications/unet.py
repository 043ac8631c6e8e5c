"""U-Net: Ronneberger, Fischer and Brox 2015, "Convolutional networks for biomedical image segmentation"."""

from __future__ import annotations

import os
from typing import Any

import fastconv.layers as layers
from fastconv.applications.architecture import channel_axis, channels_are_last
from fastconv.applications.textbook import TextbookNet
from fastconv.arguments import as_choice, as_integer
from fastconv.engine import KerasTensor
from fastconv.models import Model
from fastconv.typing import ActivationLike, Config, ShapeLike

__all__ = ["UNet"]

MOST_LEVELS = 10


class SegmentationNet(TextbookNet):
    """A path of convolutions and pooling, and a path back that also reads the results before pooling; figure 1.

    Args:
        padding: "valid" or "same", of the 3x3 convolutions.
        filters: the number of filters of the first level, which doubles at each level.
        levels: the number of poolings.
    """

    size = 572
    channels = 1
    least = 1

    def __init__(self, padding: str, filters: int, levels: int) -> None:
        super().__init__("unet")
        self.filters = [filters * 2**level for level in range(levels + 1)]
        self.options: Config = {"activation": "relu", "padding": padding, "kernel_initializer": "he_normal"}

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        self.check_sizes(x)
        skipped = []
        for level, filters in enumerate(self.filters[:-1], 1):
            skipped.append(self.twice(x, filters, f"down{level}"))
            x = layers.MaxPooling2D(name=f"down{level}_pool")(skipped[-1])
        x = layers.Dropout(0.5, name="bottom_dropout")(self.twice(x, self.filters[-1], "bottom"))
        for level in range(len(skipped), 0, -1):
            x = self.joined(x, skipped[level - 1], self.filters[level - 1], f"up{level}")
        return x

    def classify(self, x: KerasTensor, classes: int, activation: ActivationLike | None) -> KerasTensor:
        return layers.Conv2D(classes, 1, activation=activation, name="predictions")(x)

    def twice(self, x: KerasTensor, filters: int, name: str) -> KerasTensor:
        """Apply two convolutions."""
        for k in (1, 2):
            x = layers.Conv2D(filters, 3, name=f"{name}_conv{k}", **self.options)(x)
        return x

    def joined(self, x: KerasTensor, skipped: KerasTensor, filters: int, name: str) -> KerasTensor:
        """Double the sides of x, join it with the middle of `skipped`, and apply two convolutions."""
        x = layers.Conv2DTranspose(filters, 2, 2, kernel_initializer="he_normal", name=f"{name}_upsample")(x)
        borders = [(n - m) if n and m else 0 for n, m in zip(sides(skipped), sides(x))]
        if any(borders):
            crop = [(border // 2, border - border // 2) for border in borders]
            skipped = layers.Cropping2D(crop, name=f"{name}_crop")(skipped)
        x = layers.Concatenate(channel_axis(), name=f"{name}_join")([skipped, x])
        return self.twice(x, filters, name)

    def shape(self, given: ShapeLike | None, include_top: bool) -> tuple[int | None, ...]:
        return super().shape(given, include_top=given is None)  # the classifier takes any size

    def check_sizes(self, x: KerasTensor) -> None:
        """Raise ValueError unless each pooling halves even sides, and sides remain."""
        known = [n for n in sides(x) if n is not None]
        if len(known) < 2 and self.options["padding"] == "valid":
            raise ValueError(f"unet: padding='valid' needs known sides, to crop. Received: shape={x.shape}")
        if not all(map(self.fits, known)):
            nearest = [self.nearest(n) for n in known]
            raise ValueError(
                f"unet: each of the {len(self.filters) - 1} poolings must halve even sides, with padding="
                f"{self.options['padding']!r}. The nearest sides that fit are {nearest}. Received: shape={x.shape}"
            )

    def nearest(self, side: int) -> int:
        """Return the side nearest to `side` that fits."""
        most = side + 16 * 2 ** len(self.filters)  # the smallest side that fits is less than 13 * 2**levels
        return min(filter(self.fits, range(1, most)), key=lambda other: abs(other - side))

    def fits(self, side: int) -> bool:
        """Return whether images of this side pass all levels."""
        border = 4 if self.options["padding"] == "valid" else 0
        levels = len(self.filters) - 1
        for _ in range(levels):
            side -= border
            if side % 2 or side < 2:
                return False
            side //= 2
        side -= border
        for _ in range(levels):
            side = 2 * side - border
        return side > 0


def sides(x: KerasTensor) -> tuple[int | None, ...]:
    """Return the height and width of a batch of images."""
    return x.shape[1:3] if channels_are_last() else x.shape[2:]


def UNet(
    padding: str = "valid",
    filters: int = 64,
    levels: int = 4,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = None,
    input_tensor: KerasTensor | None = None,
    input_shape: ShapeLike | None = None,
    pooling: str | None = None,
    classes: int = 2,
    classifier_activation: ActivationLike | None = "softmax",
    name: str | None = None,
) -> Model:
    """Create a U-Net, which returns the class of each pixel (Ronneberger, Fischer and Brox 2015, figure 1).

    The net of the paper has 31,030,658 parameters and makes 388x388 pixels from 572x572, because its convolutions do
    not pad. With padding="same", the result has the size of the image.

    Args:
        padding: "valid" or "same". Default: "valid", as in the paper.
        filters: int. The number of filters of the first level, which doubles at each pooling. Default: 64.
        levels: int. The number of poolings. Default: 4.
        include_top: bool. Whether to add the 1x1 convolution to classes. Default: True.
        input_shape: the shape of an image; sides may be None with padding="same". None means (572, 572, 1) with a
            classifier. Default: None.
        classes: int. The number of classes. Default: 2.
        weights, input_tensor, pooling, classifier_activation, name: as for `ResNet18`.

    Returns:
        A `Model`. Its output is (N, H, W, classes).

    Raises:
        ValueError: a pooling would halve an odd size; the message names sizes that fit. Or as for `ResNet18`.

    Example:
        >>> model = applications.UNet("same", filters=8, levels=2, input_shape=(32, 32, 3))
        >>> model.output_shape
        (None, 32, 32, 2)
    """
    padding = as_choice("UNet", "padding", padding, ("valid", "same"))
    filters, levels = as_integer("UNet", "filters", filters, 1), as_integer("UNet", "levels", levels, 1, MOST_LEVELS)
    net = SegmentationNet(padding, filters, levels)
    return net(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
