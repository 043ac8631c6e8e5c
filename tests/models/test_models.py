"""Functional, sequential and subclassed models: graph, training, saving, threads."""

import threading
import zipfile

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, callbacks, layers, models, ops, optimizers, utils


def small_cnn(dropout=0.0):
    return Sequential(
        [
            Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu", padding="same"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(dropout, seed=7),
            layers.Dense(3, activation="softmax"),
        ]
    )


def stripes(n=96, seed=0):
    """Return images with a bright row, a bright column, or neither: three classes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.2, (n, 8, 8, 1)).astype("float32")
    y = np.arange(n) % 3
    at = rng.integers(0, 8, n)
    x[np.arange(n)[y == 0], at[y == 0]] += 1
    x[np.arange(n)[y == 1], :, at[y == 1]] += 1
    return x, y


def test_learns_and_reports():
    utils.set_random_seed(0)
    x, y = stripes()
    model = small_cnn()
    model.compile(optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=20, epochs=30, validation_split=0.25, verbose=0)
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]
    scores = model.evaluate(x, y, verbose=0, return_dict=True)
    assert scores["accuracy"] > 0.95
    predicted = model.predict(x, batch_size=7, verbose=0)
    assert predicted.shape == (96, 3)
    assert (predicted.argmax(1) == y).mean() == pytest.approx(scores["accuracy"])
    picked = predicted[np.arange(96), y]
    assert scores["loss"] == pytest.approx(-np.log(picked).mean(), rel=1e-4)


def test_same_seed_same_bits_at_any_number_of_threads():
    from fastconv import config

    def train(threads):
        before = config.get_num_threads()
        config.set_num_threads(threads)
        try:
            utils.set_random_seed(5)
            model = small_cnn(dropout=0.3)
            model.compile("adam", "sparse_categorical_crossentropy")
            model.fit(*stripes(), batch_size=32, epochs=3, verbose=0)
            return model.get_weights()
        finally:
            config.set_num_threads(before)

    first = train(1)
    for threads in (1, 2, 7):
        for a, b in zip(first, train(threads)):
            np.testing.assert_array_equal(a, b)


def test_plan_and_operation_by_operation_agree():
    x, y = stripes(32)
    results = []
    for run_eagerly in (False, True):
        utils.set_random_seed(3)
        model = small_cnn(dropout=0.5)
        model.compile(optimizers.SGD(0.1, momentum=0.9), "sparse_categorical_crossentropy", run_eagerly=run_eagerly)
        results.append([model.train_on_batch(x, y) for _ in range(4)] + [w.sum() for w in model.get_weights()])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5, atol=1e-6)


def test_python_control_flow_on_values_trains():
    class Branching(Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = layers.Dense(1), layers.Dense(1)

        def call(self, inputs):
            return self.first(inputs) if ops.sum(inputs) > 0 else self.second(inputs)

    model = Branching()
    model(np.ones((1, 2)))
    model.second(np.ones((1, 2)))
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.warns(UserWarning, match="does not depend on"):
        model.train_on_batch(-np.ones((4, 2), "float32"), np.full((4, 1), 9.0))
    after = model.get_weights()
    changed = [not np.array_equal(a, b) for a, b in zip(before, after)]
    assert changed == [False, False, True, True]


def test_branches_joins_and_shared_layers():
    a, b = Input((5,), name="a"), Input((5,), name="b")
    shared = layers.Dense(4, activation="tanh")
    joined = layers.concatenate([shared(a), shared(b)])
    skip = layers.add([layers.Dense(8)(joined), joined])
    model = Model([a, b], [layers.Dense(1, name="left")(skip), layers.Dense(2, name="right")(skip * 2.0)])
    assert model.count_params() == 24 + 72 + 9 + 18
    assert model.input_shape == [(None, 5), (None, 5)]
    assert model.output_shape == [(None, 1), (None, 2)]
    rng = np.random.default_rng(0)
    xa, xb = rng.normal(size=(6, 5)).astype("float32"), rng.normal(size=(6, 5)).astype("float32")
    left, right = model.predict([xa, xb], verbose=0)
    assert (left.shape, right.shape) == ((6, 1), (6, 2))
    hidden = np.concatenate([shared(xa), shared(xb)], axis=1)
    dense = model.layers[4]
    expected = (dense(hidden) + hidden) @ model.get_layer("left").get_weights()[0]
    np.testing.assert_allclose(left, expected, rtol=1e-4, atol=1e-5)
    model.compile("adam", ["mse", "mae"], loss_weights=[1.0, 0.5])
    losses = [model.train_on_batch([xa, xb], [np.ones((6, 1)), np.ones((6, 2))]) for _ in range(30)]
    assert losses[-1] < losses[0]


def test_the_configuration_of_a_functional_model(tmp_path):
    a = Input((4, 4, 2))
    y = layers.Conv2D(3, 3, padding="same")(a)
    y = ops.relu(y) + 1.0
    y = layers.Concatenate()([y, a])
    model = Model(a, layers.GlobalAveragePooling2D()(y), name="functional")
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 2)).astype("float32")
    for name in ("m.npz", "m.safetensors"):
        if name.endswith("safetensors"):
            pytest.importorskip("safetensors")
        model.save(tmp_path / name)
        again = models.load_model(tmp_path / name)
        assert again.name == "functional"
        np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_parts_of_tensors_and_constants_are_saved(tmp_path):
    a = Input((8,))
    weighed = a[:, 2:5] * np.array([1.0, 2.0, 3.0], "float32") + ops.reshape(a[..., 0], (-1, 1))
    model = Model(a, layers.Dense(2, name="relu")(weighed))
    x = np.random.default_rng(0).normal(size=(4, 8)).astype("float32")
    model.save(tmp_path / "parts.npz")
    again = models.load_model(tmp_path / "parts.npz")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_model_may_begin_in_the_middle_of_another(tmp_path):
    a = Input((4,))
    hidden = layers.Dense(3)(a)
    head = Model(hidden, layers.Dense(2, name="head")(hidden))
    assert [layer.name for layer in head.layers][1:] == ["head"]
    assert head.count_params() == 8
    head.save(tmp_path / "head.npz")
    again = models.load_model(tmp_path / "head.npz")
    x = np.ones((2, 3))
    np.testing.assert_array_equal(again.predict(x, verbose=0), head.predict(x, verbose=0))


def test_nested_models_are_saved(tmp_path):
    inner = Sequential([Input((4,)), layers.Dense(3, activation="tanh"), layers.BatchNormalization()], name="inner")
    b = Input((3,))
    functional = Model(b, layers.Dense(3)(b) + b, name="functional")
    a = Input((4,))
    model = Model(a, layers.Dense(2)(functional(inner(a))))
    inner.trainable = False
    model.save(tmp_path / "nested.npz")
    again = models.load_model(tmp_path / "nested.npz")
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert len(again.trainable_weights) == 4
    assert len(again.get_layer("inner").non_trainable_weights) == 6
    np.testing.assert_array_equal(again.predict(np.eye(4), verbose=0), model.predict(np.eye(4), verbose=0))


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_training_continues_from_a_file(tmp_path, suffix):
    if suffix == "safetensors":
        pytest.importorskip("safetensors")
    x, y = stripes(32)
    model = small_cnn(dropout=0.3)
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    for _ in range(3):
        model.train_on_batch(x, y)
    model.save(tmp_path / f"half.{suffix}")
    again = models.load_model(tmp_path / f"half.{suffix}")
    for _ in range(3):
        assert model.train_on_batch(x, y) == again.train_on_batch(x, y)
    for a, b in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_damaged_files_change_nothing(tmp_path):
    model = small_cnn()
    path = tmp_path / "m.npz"
    model.save(path)
    whole = path.read_bytes()
    before = model.get_weights()
    for n in (0, 10, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match="damaged"):
            models.load_model(path)
        with pytest.raises(ValueError, match="damaged"):
            model.load_weights(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ValueError, match="weights"):
        model.load_weights(path)
    with pytest.raises(ValueError, match=r"Model\.save"):
        models.load_model(path)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(FileNotFoundError):
        models.load_model(tmp_path / "absent.npz")
    with pytest.raises(ValueError, match="npz"):
        model.save(tmp_path / "m.pickle")
    with pytest.raises(FileExistsError):
        model.save(path, overwrite=False)


def test_weights_of_another_model_are_refused(tmp_path):
    small_cnn().save_weights(tmp_path / "w.npz")
    other = Sequential([Input((8, 8, 1)), layers.Flatten(), layers.Dense(3)])
    with pytest.raises(ValueError, match="shapes"):
        other.load_weights(tmp_path / "w.npz")


def test_class_and_sample_weights_scale_the_loss():
    x, y = stripes(12)
    model = small_cnn()
    model.compile("sgd", "sparse_categorical_crossentropy")
    each = -np.log(model.predict(x, verbose=0)[np.arange(12), y])
    w = np.linspace(0, 2, 12)
    assert model.test_on_batch(x, y, sample_weight=w) == pytest.approx((w * each).mean(), rel=1e-4)
    weights = {0: 1.0, 1: 0.0, 2: 3.0}
    model.compile(optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    by_class = np.array([weights[c] for c in y.tolist()])
    model_loss = model.fit(x, y, batch_size=12, verbose=0, shuffle=False, class_weight=weights).history["loss"][0]
    before = model.train_on_batch(x, y, sample_weight=by_class)
    assert model_loss == pytest.approx(before, rel=1e-4)
    as_one = model.train_on_batch(x, y, class_weight={1: 0.0, 2: 3.0})
    assert as_one == pytest.approx(before, rel=1e-4)
    with pytest.raises(ValueError, match="class_weight"):
        model.fit(x, np.ones((12, 4, 1)), verbose=0, class_weight={0: 1.0})


def test_learning_rate_can_change_without_tracing_again():
    x, y = stripes(32)
    model = small_cnn()
    model.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    model.train_on_batch(x, y)
    before = model.trainable_weights[0].numpy()
    model.optimizer.learning_rate = 0.0
    model.train_on_batch(x, y)
    np.testing.assert_array_equal(model.trainable_weights[0].numpy(), before)


@pytest.mark.parametrize("frozen_first", [True, False])
def test_saving_with_frozen_layers(tmp_path, frozen_first):
    """The optimizer's state is assigned to the right weights whatever was frozen when it was built, and if it was not
    built.
    """
    x, y = stripes(32)
    model = small_cnn()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "new.npz")
    models.load_model(tmp_path / "new.npz").train_on_batch(x, y)
    model.layers[0].trainable = not frozen_first
    model.train_on_batch(x, y)
    model.layers[0].trainable = frozen_first
    model.save(tmp_path / "half.npz")
    again = models.load_model(tmp_path / "half.npz")
    assert len(again.trainable_weights) == len(model.trainable_weights)
    for _ in range(2):
        assert model.train_on_batch(x, y) == again.train_on_batch(x, y)
    for a, b in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_frozen_layers_stay():
    x, y = stripes(32)
    model = small_cnn()
    model.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.get_weights()
    model.train_on_batch(x, y)
    after = model.get_weights()
    same = [np.array_equal(a, b) for a, b in zip(before, after)]
    assert same[:2] == [True, True]
    assert not all(same)
    assert sum(v.size for v in model.non_trainable_weights) == 40 + 8


def test_regularizer_adds_to_the_loss():
    model = Sequential([Input((3,)), layers.Dense(2, kernel_regularizer="l2", use_bias=False)])
    model.compile("sgd", "mse")
    kernel = model.get_weights()[0]
    loss = model.test_on_batch(np.zeros((4, 3)), np.zeros((4, 2)))
    assert loss == pytest.approx(0.01 * (kernel**2).sum(), rel=1e-5)


def test_sequential_builds_itself_from_data_and_from_input_shape():
    late = Sequential([layers.Dense(4), layers.Dense(2)])
    assert late.weights == []
    assert late(np.ones((3, 5))).shape == (3, 2)
    assert late.count_params() == 24 + 10
    old = Sequential()
    old.add(layers.Conv2D(2, 3, input_shape=(6, 6, 1)))
    assert old.output_shape == (None, 4, 4, 2)
    old.add(layers.Flatten())
    assert old.output_shape == (None, 32)
    assert old.pop().name.startswith("flatten")
    assert old.output_shape == (None, 4, 4, 2)
    with pytest.raises(TypeError, match="layers"):
        old.add("conv")
    with pytest.raises(ValueError, match="names"):
        old.add(old.layers[0])


def test_summary_counts():
    lines = []
    small_cnn().summary(print_fn=lines.append)
    text = "\n".join(lines)
    assert "(None, 4, 4, 4)" in text
    assert "Total params: 251 " in text
    assert "Non-trainable params: 8 " in text
    assert len({len(line) for line in lines[1:-3]}) == 1


def test_summary_shows_where_shared_layers_are_used():
    a, b = Input((4,), name="a"), Input((2, 4), name="b")
    dense = layers.Dense(3, name="dense")
    lines = []
    Model([a, b], [dense(a), dense(ops.relu(b))]).summary(print_fn=lines.append, show_trainable=True)
    (row,) = [line for line in lines if "(Dense)" in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["dense (Dense)", "(None, 3), (None, 2, 3)", "15", "a, relu", "Y"]
    lines = []
    Sequential([layers.Dense(3, name="dense")]).summary(print_fn=lines.append, line_length=60)
    assert "│ ?" in lines[4]
    assert {len(line) for line in lines[1:6]} == {60}


def test_inputs_of_the_wrong_shape_are_named():
    model = small_cnn()
    model.compile("sgd", "mse", metrics=["accuracy"])
    for shape in ((2, 8), (2, 12, 8, 1), (2, 8, 8, 3), (2, 8, 8, 1, 3)):
        with pytest.raises(ValueError, match=r"inputs must have the shapes \[\(None, 8, 8, 1\)\].* Received: shapes="):
            model.predict(np.ones(shape), verbose=0)
    with pytest.raises(ValueError, match="samples"):
        model.fit(np.ones((3, 8, 8, 1)), np.ones(4), verbose=0)
    with pytest.raises(ValueError, match="batch_size"):
        model.fit(np.ones((3, 8, 8, 1)), np.ones((3, 3)), batch_size=0, verbose=0)
    with pytest.raises(ValueError, match="at least one sample"):
        model.fit(np.ones((0, 8, 8, 1)), np.ones((0, 3)), verbose=0)
    with pytest.raises(ValueError, match="compile"):
        small_cnn().fit(np.ones((3, 8, 8, 1)), np.ones((3, 3)), verbose=0)
    assert model.predict(np.ones((0, 8, 8, 1)), verbose=0).shape == (0, 3)


def test_many_threads_may_predict_at_once():
    model = small_cnn()
    x, _ = stripes(64)
    expected = model.predict(x, verbose=0)
    wrong = []

    def work():
        for _ in range(20):
            if not np.array_equal(model.predict(x, verbose=0), expected):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_the_number_of_plans_is_limited():
    model = small_cnn()
    for n in range(1, 30):
        model.predict(np.ones((n, 8, 8, 1)), batch_size=n, verbose=0)
    assert len(model._step_cache.steps()) <= 8


def test_checkpoint_and_early_stopping(tmp_path):
    utils.set_random_seed(1)
    x, y = stripes()
    model = small_cnn()
    model.compile(optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    path = tmp_path / "best.npz"
    todo = [
        callbacks.ModelCheckpoint(path, monitor="val_loss", save_best_only=True),
        callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True),
    ]
    history = model.fit(x, y, epochs=60, validation_data=stripes(30, seed=9), callbacks=todo, verbose=0).history
    assert len(history["loss"]) < 60
    best = models.load_model(path).evaluate(*stripes(30, seed=9), verbose=0, return_dict=True)
    assert best["loss"] == pytest.approx(min(history["val_loss"]), rel=1e-5)
    assert model.evaluate(*stripes(30, seed=9), verbose=0)[0] == pytest.approx(best["loss"], rel=1e-5)


def test_a_custom_function_as_loss_and_metric():
    def half_squared(y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), -1) / 2.0

    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", half_squared, metrics=[half_squared])
    x = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    loss, metric = model.test_on_batch(x, np.ones((8, 1)))
    expected = ((model.predict(x, verbose=0) - 1) ** 2).mean() / 2
    assert loss == pytest.approx(expected, rel=1e-5)
    assert metric == pytest.approx(expected, rel=1e-5)


def test_gradient_passes_activation_and_bias_before_it_is_unpooled():
    """The rewritten graph gives the gradients of the separate operations."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 9, 9, 2)).astype("float32"), rng.integers(0, 3, 4)
    for pool in (layers.MaxPooling2D(), layers.MinPooling2D(3, 2, "same")):
        model = Sequential([Input((9, 9, 2)), layers.Conv2D(5, 3, activation="tanh"), pool, layers.Flatten()])
        model.add(layers.Dense(3, activation="softmax"))
        start, results = model.get_weights(), []
        for run_eagerly in (False, True):
            model.set_weights(start)
            model.compile(optimizers.SGD(1.0), "sparse_categorical_crossentropy", run_eagerly=run_eagerly)
            model.train_on_batch(x, y)
            results.append(model.get_weights())
            if not run_eagerly:
                (step,) = model._step_cache.steps()
                plan = step.plan
                made = {t: step for step in plan.steps for t in step.outputs}
                scaled = [step for step in plan.steps if step.primitive.name == "activate_backward"]
                assert [step.inputs[0].shape for step in scaled] == [(4, *pool.output.shape[1:])]
                assert all(made[step.inputs[0]].primitive.name != "extreme_pool_backward" for step in scaled)
        for a, b in zip(*results):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_argmax_of_pooling_is_computed_only_for_gradients():
    model = Sequential(
        [Input((8, 8, 2)), layers.Conv2D(3, 3), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(2)]
    )
    model.compile("sgd", "mse")
    x, y = np.ones((4, 8, 8, 2), "float32"), np.ones((4, 2), "float32")
    for call, arrays in ((model.train_on_batch, (x, y)), (model.test_on_batch, (x, y)), (model.predict_on_batch, (x,))):
        call(*arrays)
    pools = [
        step.primitive.name
        for planned in model._step_cache.steps()
        for step in planned.plan.steps
        if "pool" in step.primitive.name
    ]
    assert pools == ["max_pool_argmax", "extreme_pool_backward", "max_pool", "max_pool"]


def test_integers_and_float64_as_inputs():
    model = small_cnn()
    x = np.random.default_rng(0).integers(0, 255, (5, 8, 8, 1))
    expected = model.predict(x.astype("float32"), verbose=0)
    for dtype in ("uint8", "int64", "float64"):
        np.testing.assert_array_equal(model.predict(x.astype(dtype), verbose=0), expected)
    double = Sequential([Input((3,)), layers.Dense(2, dtype="float64"), layers.Dense(2)])
    assert double.predict(np.ones((4, 3)), verbose=0).dtype == np.float32
    assert double.layers[0].kernel.dtype == np.float64


class TwoHeads(Model):
    """A subclass with nested outputs that creates its layers in its constructor."""

    def __init__(self, name=None):
        super().__init__(name=name)
        self.body = layers.Dense(4, activation="relu")
        self.heads = [layers.Dense(1), layers.Dense(2)]

    def call(self, inputs):
        hidden = self.body(inputs)
        return {"one": self.heads[0](hidden), "two": [self.heads[1](hidden)]}


def test_subclass_with_nested_outputs_is_saved_and_read(tmp_path):
    model = TwoHeads()
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    outputs = model.predict(x, batch_size=2, verbose=0)
    assert outputs["one"].shape == (5, 1)
    assert outputs["two"][0].shape == (5, 2)
    model.compile("sgd", ["mse", "mae"])
    assert model.metrics_names == ["loss"]
    assert np.isfinite(model.train_on_batch(x, [np.ones((5, 1)), np.ones((5, 2))])).all()
    assert model.metrics_names == ["loss", "one_loss", "two/output_2_loss"]
    model.save(tmp_path / "two.npz")
    again = models.load_model(tmp_path / "two.npz", custom_objects={"TwoHeads": TwoHeads})
    np.testing.assert_array_equal(again.predict(x, verbose=0)["two"][0], model.predict(x, verbose=0)["two"][0])


class Plain(Model):
    """A subclass whose constructor takes no arguments, not even a name."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)


def test_subclass_without_arguments_is_saved_and_read(tmp_path):
    model = Plain()
    model.build((None, 3))
    assert model.count_params() == 8
    model.save(tmp_path / "plain.npz")
    again = models.load_model(tmp_path / "plain.npz", custom_objects={"Plain": Plain})
    np.testing.assert_array_equal(again.predict(np.eye(3), verbose=0), model.predict(np.eye(3), verbose=0))


def test_models_that_cannot_be_read_are_not_saved(tmp_path):
    class Scale(layers.Layer):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor(())

        def call(self, inputs):
            return inputs * self.factor

    path = tmp_path / "m.npz"
    with pytest.raises(ValueError, match="get_config must be overridden"):
        Sequential([Input((3,)), Scale(np.ones)]).save(path)
    assert not path.exists()


def test_without_trainable_weights_fit_warns_and_evaluates():
    model = Sequential([Input((2,)), layers.ReLU()])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="no trainable weights"):
        history = model.fit(np.ones((4, 2)), np.zeros((4, 2)), verbose=0)
    assert history.history == {"loss": [1.0]}


def test_layers_are_found_in_all_containers():
    """In lists that grow later, in dicts, before the constructor of the base class; a replaced layer is removed."""

    class Kept(Model):
        def __init__(self):
            self.early = layers.Dense(1)
            super().__init__()
            self.body = []
            for units in (4, 3):
                self.body.append(layers.Dense(units))
            self.heads = {"one": layers.Dense(2), "same": self.body[0]}
            self.replaced = layers.Dense(7)
            self.replaced = layers.Dense(5)

        def call(self, inputs):
            for layer in [*self.body, self.heads["one"], self.replaced, self.early]:
                inputs = layer(inputs)
            return inputs

    model = Kept()
    model(np.ones((2, 6)))
    assert [layer.units for layer in model.layers] == [1, 4, 3, 2, 5]
    assert model.count_params() == sum(v.size for v in model.weights) == (5 + 1) + 7 * 4 + 5 * 3 + 4 * 2 + 3 * 5
    assert len(model.trainable_weights) == 10
    model.trainable = False
    assert not any(layer.trainable for layer in model.body)


def test_a_layer_replaced_after_a_step_is_seen():
    class Headed(Model):
        def __init__(self):
            super().__init__()
            self.head = layers.Dense(2)

        def call(self, inputs):
            return self.head(inputs)

    model = Headed()
    assert model.predict(np.ones((3, 4)), verbose=0).shape == (3, 2)
    model.head = layers.Dense(5)
    assert model.predict(np.ones((3, 4)), verbose=0).shape == (3, 5)
    model.head = layers.ReLU()
    np.testing.assert_array_equal(model.predict(-np.ones((3, 4)), verbose=0), np.zeros((3, 4)))
    model.head = layers.LeakyReLU(0.5)
    np.testing.assert_array_equal(model.predict(-np.ones((3, 4)), verbose=0), np.full((3, 4), -0.5))
    assert model.layers == [model.head]
    del model.head
    assert model.layers == []


def test_weights_that_layers_share_count_once(tmp_path):
    inputs = Input((3,))
    hidden = layers.Dense(4, name="hidden")(inputs)
    features = Model(inputs, hidden, name="features")
    model = Model(inputs, layers.Add()([hidden, features(inputs)]))
    assert model.count_params() == 16
    model.compile(optimizers.SGD(0.5), "mse")
    x, before = np.ones((2, 3), "float32"), model.get_weights()
    expected = before[1] - 0.5 * 2 * (2 * (before[0].sum(0) + before[1]) / 4 * 2)  # d mean((2h)^2) / db
    model.train_on_batch(x, np.zeros((2, 4)))
    np.testing.assert_allclose(model.get_weights()[1], expected, rtol=1e-5)


def test_the_output_of_a_layer_belongs_to_its_first_call():
    base_input = Input((3,))
    base = Model(base_input, layers.Dense(4)(base_input), name="base")
    output = base.output
    outer = Input((3,))
    y = base(outer)
    assert base.output is output
    assert base.input is base_input
    assert Model(outer, y).count_params() == 16


def test_training_may_be_given_by_position():
    layer = layers.Dropout(0.5, seed=1)
    x = np.ones((50, 50), "float32")
    assert (layer(x, True) == 0).any()
    assert layer(x, False) is x


def test_a_missing_batch_axis_is_an_error():
    model = Sequential([Input((4, 4, 1)), layers.Flatten()])
    with pytest.raises(ValueError, match=r"add a batch axis, x\[None\]. Received: shapes=\[\(4, 4, 1\)\]"):
        model(np.zeros((4, 4, 1)))
    with pytest.raises(ValueError, match=r"must have the shapes \[\(None, 4, 4, 1\)\]. Received"):
        model(np.zeros((4, 1)))


def test_a_layer_that_fails_in_the_graph_is_named():
    with pytest.raises(ValueError, match=r"last \(Conv2D\), inputs of shape \(None, 2, 2, 1\): conv: the window"):
        Sequential([Input((2, 2, 1)), layers.Conv2D(4, 3, name="last")])


def test_losses_of_layers_are_minimised_and_reported():
    class Centred(layers.Layer):
        def call(self, inputs):
            self.add_loss(ops.mean(ops.square(inputs)) * 3.0)
            return inputs

    model = models.Sequential([Input((4,)), layers.Dense(2, kernel_regularizer="l2", name="d"), Centred(name="c")])
    plain = models.Sequential([Input((4,)), layers.Dense(2)])
    plain.set_weights(model.get_weights())
    for net in (model, plain):
        net.compile("sgd", "mse")
    x, y = np.random.default_rng(0).normal(size=(2, 6, 4)).astype("float32"), np.zeros((6, 2), "float32")
    x = x[0]
    kernel, output = model.get_layer("d").kernel.numpy(), plain.predict(x, verbose=0)
    added = 0.01 * np.square(kernel).sum() + 3 * np.square(output).mean()
    assert model.evaluate(x, y, verbose=0) == pytest.approx(plain.evaluate(x, y, verbose=0) + added, rel=1e-5)
    model(x)
    assert sum(map(float, model.losses)) == pytest.approx(added, rel=1e-5)
    assert [float(loss) for loss in model.get_layer("c").losses] == pytest.approx([3 * np.square(output).mean()])
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=3, verbose=0)
    assert model.evaluate(x, y, verbose=0) < before
    with pytest.raises(RuntimeError, match="from `call`"):
        model.add_loss(1.0)


def test_a_penalty_on_outputs_is_added_for_each_of_them():
    layer = layers.Dense(3, activity_regularizer="l1")
    y = layer(np.ones((2, 4), "float32"))
    assert [float(loss) for loss in layer.losses] == pytest.approx([0.01 * np.abs(y).sum() / 2])
    applied = layers.Dense(3, activity_regularizer="l1")
    applied(Input((4,)))
    assert applied.losses == []


def test_the_size_of_the_first_input_may_be_given_by_the_first_layer():
    for given in ({"input_dim": 7}, {"input_shape": (7,)}):
        assert Sequential([layers.Dense(3, **given)]).input_shape == (None, 7)
