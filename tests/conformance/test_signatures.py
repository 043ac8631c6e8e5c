"""Every public function, class and method beside that of Keras: names, order and defaults of its arguments."""

from __future__ import annotations

import inspect

import pytest

import fastconv

MODULES = [
    "", "layers", "ops", "ops.image", "losses", "metrics", "optimizers", "optimizers.schedules", "callbacks",
    "initializers", "regularizers", "constraints", "activations", "utils", "models", "random", "saving", "config",
    "preprocessing", "preprocessing.image", "preprocessing.sequence", "datasets.mnist", "datasets.cifar10",
    "datasets.cifar100", "datasets.fashion_mnist", "applications", "applications.densenet",
    "applications.efficientnet", "applications.imagenet_utils", "applications.inception_v3", "applications.mobilenet",
    "applications.mobilenet_v2", "applications.resnet", "applications.resnet_v2", "applications.vgg16",
    "applications.vgg19", "applications.xception",
]  # fmt: skip

# Their arguments depend on what computes under Keras.
OF_BACKENDS = {"train_step", "test_step", "predict_step"}
REQUIRED = "required"

# Differences that are meant, each group after its reason, as `difference` writes them.
LISTED = {
    # There are no masks for sequences of unequal length.
    "Sequential.call -training -mask",
    "layers.BatchNormalization.call -mask ~training",
    "layers.GlobalAveragePooling1D.call -mask",
    "layers.Lambda.call -mask -training",
    "layers.Pipeline.call -mask",
    "layers.Softmax.call -mask",
    "layers.TimeDistributed.call -mask ~training",
    "models.Sequential.call -training -mask",
    # Kernels are neither quantised nor adapted in low rank.
    "layers.Dense -lora_rank -lora_alpha -quantization_config",
    # All pooling layers have windows of 2 by default.
    "layers.AveragePooling1D ~pool_size",
    "layers.AveragePooling2D ~pool_size",
    "layers.AveragePooling3D ~pool_size",
    # The list of a model's callbacks is made by the model.
    "callbacks.CallbackList -add_history -add_progbar ~callbacks",
    "callbacks.CallbackList.on_batch_begin -batch -logs",
    "callbacks.CallbackList.on_batch_end -batch -logs",
    "callbacks.CallbackList.on_epoch_begin -epoch -logs",
    "callbacks.CallbackList.on_epoch_end -epoch -logs",
    "callbacks.CallbackList.on_predict_batch_begin -batch -logs",
    "callbacks.CallbackList.on_predict_batch_end -batch -logs",
    "callbacks.CallbackList.on_predict_begin -logs",
    "callbacks.CallbackList.on_predict_end -logs",
    "callbacks.CallbackList.on_test_batch_begin -batch -logs",
    "callbacks.CallbackList.on_test_batch_end -batch -logs",
    "callbacks.CallbackList.on_test_begin -logs",
    "callbacks.CallbackList.on_test_end -logs",
    "callbacks.CallbackList.on_train_batch_begin -batch -logs",
    "callbacks.CallbackList.on_train_batch_end -batch -logs",
    "callbacks.CallbackList.on_train_begin -logs",
    "callbacks.CallbackList.on_train_end -logs",
    "callbacks.CallbackList.set_model -model",
    "callbacks.CallbackList.set_params -params",
}

# Not compared yet.
OPEN = {
    "Optimizer.add_variable", "optimizers.Adadelta.add_variable", "optimizers.Adadelta.update_step",
    "Model.from_config", "Model.save", "Model.save_weights", "Model.summary", "Optimizer", "Optimizer.apply",
    "Optimizer.finalize_variable_values", "Optimizer.from_config", "Sequential.add", "Sequential.build",
    "Sequential.from_config", "Sequential.pop", "layers.Dense.call",
    "layers.Lambda.from_config", "layers.RMSNormalization.call", "layers.SpectralNormalization.from_config",
    "layers.Wrapper.build", "models.Model.from_config", "models.Sequential.add", "models.Sequential.build",
    "models.Sequential.from_config", "models.Sequential.pop", "models.clone_model", "models.save_model",
    "optimizers.Adadelta.apply", "optimizers.Adadelta.build", "optimizers.Adadelta.finalize_variable_values",
    "optimizers.Adadelta.from_config", "optimizers.Optimizer", "preprocessing.image_dataset_from_directory",
    "preprocessing.timeseries_dataset_from_array", "saving.deserialize_keras_object", "saving.save_model",
    "saving.save_weights", "utils.deserialize_keras_object", "utils.image_dataset_from_directory",
    "utils.model_to_dot", "utils.plot_model", "utils.split_dataset", "utils.timeseries_dataset_from_array",
}  # fmt: skip


def found_in(package, module):
    for part in module.split(".") if module else []:
        package = getattr(package, part)
    return package


def default_of(parameter):
    """A default as plain data; a tuple of equal numbers, one for each axis, is the number."""
    value = parameter.default
    if value is parameter.empty:
        return REQUIRED
    while isinstance(value, tuple) and value and all(item == value[0] for item in value):
        value = value[0]
    return getattr(value, "__name__", None) if callable(value) else list(value) if isinstance(value, tuple) else value


def described(thing):
    """[name, default] for each argument that has a name; None for what has no signature."""
    try:
        parameters = list(inspect.signature(thing.__init__ if isinstance(thing, type) else thing).parameters.values())
    except (TypeError, ValueError):
        return None
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name != "self"]
    return [[p.name, default_of(p)] for p in named]


def public(module):
    """{name: function, class or method} of a module, methods under "Class.method", each once."""
    found, seen = {}, set()
    for name in sorted(name for name in dir(module) if not name.startswith("_")):
        thing = getattr(module, name)
        if not callable(thing) or inspect.ismodule(thing) or thing in seen:
            continue
        seen.add(thing)
        found[name] = thing
        for method in dir(thing) if isinstance(thing, type) else ():
            function = getattr(thing, method)
            function = getattr(function, "__func__", function)
            if callable(function) and not method.startswith("_") and function not in seen:
                seen.add(function)
                found[f"{name}.{method}"] = function
    return found


def difference(theirs, ours):
    """How the arguments differ: "-missing", "~default", and "order"; arguments that come after Keras's are allowed.

    A name that is None by default stands for the name that Keras writes into the signature.
    """
    names = [name for name, _ in ours]
    words = [f"-{name}" for name, _ in theirs if name not in names]
    defaults = {**dict(ours), **{name: default for name, default in theirs if name == "name"}}
    words += [f"~{name}" for name, default in theirs if name in names and defaults[name] != default]
    shared = [name for name, _ in theirs if name in names]
    return " ".join(words + ["order"] * (names[: len(shared)] != shared))


@pytest.mark.parametrize("module", MODULES)
def test_signatures(module, reference):
    ours = public(found_in(fastconv, module))

    def of_theirs():
        import keras

        theirs = public(found_in(keras, module))
        return {name: described(thing) for name, thing in theirs.items() if name in ours}

    for name, theirs in reference(of_theirs).items():
        here = described(ours[name]) if name in ours else None
        subject = f"{module}.{name}".lstrip(".")
        if theirs is None or here is None or name.rpartition(".")[2] in OF_BACKENDS or subject in OPEN:
            continue
        found = difference(theirs, here)
        assert found == "" or f"{subject} {found}" in LISTED
