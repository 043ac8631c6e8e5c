"""Every public function, class and method compared with Keras: names, order and defaults of arguments."""

from __future__ import annotations

import inspect
import json

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

# Their arguments depend on the backend of Keras.
OF_BACKENDS = {"train_step", "test_step", "predict_step"}
REQUIRED = "required"

# Intended differences by reason, in the form that `difference` returns.
REASONS = {
    "There are no masks for sequences of unequal length.": {
        "layers.BatchNormalization.call -mask ~training",
        "layers.GlobalAveragePooling1D.call -mask",
        "layers.Lambda.call -mask -training",
        "layers.Pipeline.call -mask",
        "layers.Softmax.call -mask",
        "layers.TimeDistributed.call -mask ~training",
    },
    "The layers of a Sequential learn from its caller whether it is trained; it need not pass that on.": {
        "Sequential.call -training -mask",
    },
    "All layers find the shapes of outputs from their `call`, whatever its arguments.": {
        "Sequential.compute_output_spec -inputs -training -mask",
        "layers.Add.compute_output_spec -inputs",
    },
    "Kernels are neither quantised nor adapted in low rank.": {
        "layers.Dense -lora_rank -lora_alpha -quantization_config",
    },
    "All pooling layers have windows of 2 by default; Keras gives those of average pooling none, and fails.": {
        "layers.AveragePooling1D ~pool_size",
        "layers.AveragePooling2D ~pool_size",
        "layers.AveragePooling3D ~pool_size",
    },
    "Images come in arrays, not in dicts with boxes and labels; a layer without randomness ignores training.": {
        "layers.CenterCrop.call -data -training",
        "layers.RandomBrightness.call -data order",
        "layers.Resizing.call -data -training",
    },
    "The configuration of Rescaling holds numbers, and no name of an object.": {
        "layers.Rescaling.from_config -custom_objects",
    },
    "Keras's optimizers call these arguments now variables, now var_list, now gradient, now grad; as its base class.": {
        "optimizers.Adadelta.build -var_list",
        "optimizers.Adadelta.update_step -grad order",
    },
    "The methods of a list of callbacks take what those of a callback take, and pass it on.": {
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
    },
}
LISTED = {entry for group in REASONS.values() for entry in group}


def found_in(package, module):
    for part in module.split(".") if module else []:
        package = getattr(package, part)
    return package


def default_of(parameter):
    """Return a default as plain data; a tuple of equal numbers, one for each axis, becomes the number."""
    value = parameter.default
    if value is parameter.empty:
        return REQUIRED
    while isinstance(value, tuple) and value and all(item == value[0] for item in value):
        value = value[0]
    return getattr(value, "__name__", None) if callable(value) else list(value) if isinstance(value, tuple) else value


def described(thing):
    """Return [name, default] of each named argument, or None without a signature."""
    try:
        parameters = list(inspect.signature(thing.__init__ if isinstance(thing, type) else thing).parameters.values())
    except (TypeError, ValueError):
        return None
    named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name != "self"]
    return [[p.name, default_of(p)] for p in named]


def public(module):
    """Return {name: function, class or method} of a module, with methods as "Class.method"."""
    found = {}
    for name in sorted(name for name in dir(module) if not name.startswith("_")):
        thing = getattr(module, name)
        if not callable(thing) or inspect.ismodule(thing):
            continue
        found[name] = thing
        for method in dir(thing) if isinstance(thing, type) else ():
            function = getattr(thing, method)
            if callable(function) and not method.startswith("_"):
                found[f"{name}.{method}"] = getattr(function, "__func__", function)
    return found


def difference(theirs, ours):
    """Return how the arguments differ: "-missing", "~default", and "order"; arguments after Keras's are allowed.

    A name that is None by default stands for the name that Keras writes into the signature.
    """
    names = [name for name, _ in ours]
    words = [f"-{name}" for name, _ in theirs if name not in names]
    defaults = {**dict(ours), **{name: default for name, default in theirs if name == "name"}}
    words += [f"~{name}" for name, default in theirs if name in names and defaults[name] != default]
    shared = [name for name, _ in theirs if name in names]
    return " ".join(words + ["order"] * (names[: len(shared)] != shared))


def test_signatures_are_those_of_keras(reference):
    found, seen = set(), set()
    for module in MODULES:
        ours = public(found_in(fastconv, module))

        def of_theirs(module=module, ours=ours):
            import keras

            theirs = public(found_in(keras, module))
            return {name: described(thing) for name, thing in theirs.items() if name in ours}

        for name, theirs in reference(of_theirs).items():
            here = described(ours[name]) if name in ours else None
            is_of_backend = name.rpartition(".")[2] in OF_BACKENDS
            asked = (ours.get(name), json.dumps(theirs))  # compared once for all classes that inherit a method
            if theirs is None or here is None or is_of_backend or asked in seen:
                continue
            seen.add(asked)
            words = difference(theirs, here)
            found |= {f"{module}.{name} {words}".lstrip(".")} if words else set()
    assert found - LISTED == set(), "differences without a reason"
    assert LISTED - found == set(), "reasons for differences that no longer exist"
