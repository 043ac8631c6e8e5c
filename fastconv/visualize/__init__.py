"""Pictures of convolutional networks, drawn by Matplotlib (`pip install fastconv[plot]`).

Every function returns a `Picture`: the figure and the arrays that it shows, so that ``picture["heatmap"]`` is a NumPy
array. A notebook shows the picture itself. Two arguments are the same everywhere: `ax` are the axes to draw in (None
creates a figure), and `path` is the file to write, completely or not at all. Images keep the data format of the model;
arrays of pictures have the channels last.

Models run in inference mode, and neither their weights nor any random state change. Nested models are opened:
"encoder/conv1" is a layer of the model "encoder".

>>> model = Sequential([Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)])
>>> picture = visualize.grad_cam(model, np.ones((8, 8)))
>>> picture["heatmap"].shape
(6, 6)
"""

from fastconv.visualize.ascent import maximize
from fastconv.visualize.boundary import decision_boundary
from fastconv.visualize.class_maps import grad_cam
from fastconv.visualize.confusion import confusion_matrix
from fastconv.visualize.curves import history
from fastconv.visualize.deconvolution import deconvnet
from fastconv.visualize.functions import activation_functions
from fastconv.visualize.gradients import integrated_gradients, saliency, smooth_grad
from fastconv.visualize.grid import image_grid
from fastconv.visualize.maps import activations, feature_maps
from fastconv.visualize.matrix import convolution_matrix
from fastconv.visualize.occlusions import occlusion
from fastconv.visualize.patches import top_patches
from fastconv.visualize.picture import Picture
from fastconv.visualize.rates import schedule
from fastconv.visualize.receptive import receptive_field
from fastconv.visualize.sliding import sliding_kernel
from fastconv.visualize.weights import filters

__all__ = [
    "Picture",
    "activation_functions",
    "activations",
    "confusion_matrix",
    "convolution_matrix",
    "decision_boundary",
    "deconvnet",
    "feature_maps",
    "filters",
    "grad_cam",
    "history",
    "image_grid",
    "integrated_gradients",
    "maximize",
    "occlusion",
    "receptive_field",
    "saliency",
    "schedule",
    "sliding_kernel",
    "smooth_grad",
    "top_patches",
]
