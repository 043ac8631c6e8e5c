"""Every public attribute of Keras's public classes exists here, or is listed with the reason why it is missing."""

from __future__ import annotations

import inspect

import numpy as np

import fastconv
from fastconv import (
    Input,
    Variable,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    random,
    regularizers,
    utils,
)

from .test_signatures import MODULES, found_in

# The attributes of a base class are compared once; its subclasses are compared by their additional attributes.
BASES = [
    models.Sequential, models.Model, layers.Layer, metrics.Metric, losses.Loss, optimizers.Optimizer,
    callbacks.Callback, optimizers.schedules.LearningRateSchedule, initializers.Initializer, regularizers.Regularizer,
    constraints.Constraint, utils.PyDataset, Variable, fastconv.KerasTensor,
]  # fmt: skip

# Missing attributes by reason. "Layer.quantize" stands for all layers, models included.
REASONS = {
    "There are no masks for sequences of unequal length.": {"Layer.compute_mask", "Layer.supports_masking"},
    "Weights are neither quantised nor adapted in low rank, nor trained in 8 bits.": {
        "Layer.quantization_mode", "Layer.quantize", "Layer.quantized_build", "Layer.quantized_call",
        "Model.get_quantization_layer_structure", "Dense.enable_lora", "Conv1D.enable_lora", "Conv2D.enable_lora",
        "Conv3D.enable_lora", "Dense.variable_serialization_spec", "Variable.overwrite_with_gradient",
    },
    "A layer has one dtype for weights and numbers, `dtype`, and no policy.": {"Layer.dtype_policy"},
    "Layers check their inputs themselves; there are no InputSpecs.": {"Layer.input_spec"},
    "Keras has it only to raise NotImplementedError.": {"Layer.add_metric"},
    "Steps of Keras's own `__call__`, which tracing takes the place of.": {
        "Layer.rematerialized_call", "Layer.symbolic_call",
    },
    "They belong to Keras's trainer on JAX.": {"Model.compute_loss_and_updates", "Model.jax_state_sync"},
    "Models are saved, and not yet exported to formats of programs that run them elsewhere.": {"Model.export"},
    "Variables are not named after the models around their layers, so that a tree of all their paths can clash.": {
        "Model.get_state_tree", "Model.set_state_tree",
    },
    "Images are not augmented together with boxes, labels or masks.": {
        *(f"{name}.{method}" for name in ("CenterCrop", "RandomBrightness", "RandomContrast", "RandomCrop",
          "RandomFlip", "RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom", "Resizing")
          for method in ("transform_bounding_boxes", "transform_labels", "transform_segmentation_masks",
          "transform_single_bounding_box", "transform_single_image", "transform_single_label",
          "transform_single_segmentation_mask")),
        *(f"{name}.get_transformed_x_y" for name in ("RandomShear", "RandomTranslation", "RandomZoom")),
        "RandomShear.get_shifted_bbox", "RandomTranslation.get_shifted_bbox", "RandomZoom.get_clipped_bbox",
    },
    "Two layers that prepare images draw no random numbers.": {
        "CenterCrop.get_random_transformation", "CenterCrop.transform_images", "Resizing.get_random_transformation",
        "Resizing.transform_images",
    },
    "Helpers of Keras's own classes, which nothing else calls.": {
        *(f"{name}.convert_weight" for name in ("CenterCrop", "Normalization", "RandomBrightness", "RandomContrast",
          "RandomCrop", "RandomFlip", "RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom", "Rescaling",
          "Resizing")),
        "AUC.interpolate_pr_auc", "SpectralNormalization.normalized_weights", "TensorBoard.summary",
        "Normalization.finalize_state",
    },
    "There are no sparse or ragged tensors.": {
        "KerasTensor.ragged", "KerasTensor.ragged_rank", "KerasTensor.row_splits_dtype", "KerasTensor.sparse",
    },
}  # fmt: skip
LISTED = {entry for group in REASONS.values() for entry in group}


def examples():
    """Return objects whose attributes are set when they are created, built or compiled."""
    model = models.Sequential([Input((4,)), layers.Dense(2)])
    model.compile("adam", "mse")
    convolutions = [(layers.Conv1D, (4, 1)), (layers.Conv2D, (4, 4, 1)), (layers.Conv3D, (4, 4, 4, 1))]
    built = [kind(1, 1) for kind, _ in convolutions]
    for layer, (_, shape) in zip(built, convolutions):
        layer.build((None, *shape))
    return [
        model, *built, model.layers[0], models.Model(model.input, model.output), layers.Identity(),
        layers.Pipeline([layers.Identity()]), metrics.Mean(), metrics.AUC(), losses.MeanSquaredError(),
        optimizers.Adam(), callbacks.EarlyStopping(), Variable(np.zeros(2)), Input((3,)), random.SeedGenerator(1),
        utils.PyDataset(), initializers.Zeros(), regularizers.L2(), constraints.NonNeg(),
    ]  # fmt: skip


def plain_class(thing):
    """Return the base class that is compared once for all its subclasses, or None."""
    kind = thing if isinstance(thing, type) else type(thing)
    return next((base for base in BASES if issubclass(kind, base)), None)


def classes(module):
    """Return {name: class} of a module, each class once, by its own name."""
    found = {name: thing for name, thing in vars(module).items() if isinstance(thing, type) and name == thing.__name__}
    return {name: thing for name, thing in found.items() if not inspect.isabstract(thing)}


def public_attributes(kind):
    return sorted(name for name in dir(kind) if not name.startswith("_"))


def test_attributes_are_those_of_keras(reference):
    made = examples()
    theirs, ours = {}, {}
    for module in MODULES:
        here = classes(found_in(fastconv, module))
        ours.update(here)

        def of_theirs(module=module, here=here):
            import keras

            there = found_in(keras, module)
            return {name: public_attributes(getattr(there, name)) for name in here if hasattr(there, name)}

        theirs.update(reference(of_theirs))

    def has(kind, name):
        alike = [example for example in made if isinstance(example, kind)]
        alike += [
            example
            for example in made
            if plain_class(example) is not None and plain_class(example) is plain_class(kind)
        ][:1]
        return hasattr(kind, name) or any(hasattr(example, name) for example in alike)

    found = set()
    for cls, attributes in theirs.items():
        above = [base.__name__ for base in BASES if issubclass(ours[cls], base) and ours[cls] is not base]
        inherited = {name for base in above for name in theirs[base]}
        found |= {f"{cls}.{name}" for name in attributes if name not in inherited and not has(ours[cls], name)}
    assert {base.__name__ for base in BASES} <= set(theirs)
    assert found - LISTED == set(), "attributes that are missing without a reason"
    assert LISTED - found == set(), "reasons for attributes that exist"
