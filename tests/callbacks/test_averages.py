import numpy as np
import pytest

from fastconv import Sequential, callbacks, layers, optimizers

X, Y = np.ones((8, 2), "float32"), np.zeros((8, 1), "float32")


def train(*todo, **options):
    model = Sequential([layers.Input((2,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile(optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9), "mse")
    seen = []
    look = callbacks.LambdaCallback(
        on_test_begin=lambda logs: seen.append(("test", model.get_weights()[0].sum())),
        on_epoch_end=lambda epoch, logs: seen.append(("epoch", model.get_weights()[0].sum())),
    )
    model.fit(X, Y, 4, 2, verbose=0, validation_data=(X, Y), callbacks=[*todo, look], **options)
    return model, dict(seen)


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_evaluation_uses_the_averages_and_training_the_weights(swap_on_epoch):
    plain, weights = train()
    swapped, seen = train(callbacks.SwapEMAWeights(swap_on_epoch))
    np.testing.assert_array_equal(swapped.get_weights()[0], plain.get_weights()[0])
    assert weights["test"] == weights["epoch"]
    assert seen["test"] == plain.get_weights()[0].sum() != weights["test"]
    assert seen["epoch"] == (seen["test"] if swap_on_epoch else weights["epoch"])


def test_the_optimizer_must_keep_averages():
    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"running means to swap\. Received: use_ema=False"):
        model.evaluate(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
def test_an_exception_restores_the_weights(method):
    def fail(batch, logs):
        raise RuntimeError("stop")

    model, _ = train()
    weights = model.get_weights()
    model.optimizer.learning_rate = 0
    fails = callbacks.LambdaCallback(on_test_batch_end=fail, on_predict_batch_end=fail)
    how = {"fit": {"validation_data": (X, Y)}}.get(method, {})
    data = (X,) if method == "predict" else (X, Y)
    with pytest.raises(RuntimeError, match="stop"):
        getattr(model, method)(*data, verbose=0, callbacks=[callbacks.SwapEMAWeights(), fails], **how)
    for found, before in zip(model.get_weights(), weights):
        np.testing.assert_array_equal(found, before)
