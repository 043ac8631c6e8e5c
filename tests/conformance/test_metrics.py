"""Every metric compared with the metric of the same name in Keras 3: results, sample weights and configuration."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import metrics

from ..metrics.cases import CASES, IDS

# JAX warns about the integers in which Keras counts pixels.
pytestmark = pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64")
each_metric = pytest.mark.parametrize(("name", "arguments", "batches"), CASES, ids=IDS)


def theirs_of(name, arguments):
    import keras

    return getattr(keras.metrics, name)(**arguments)


def results(metric, updates):
    """Return the result of the metric after each update."""
    found = []
    for update in updates:
        metric.update_state(*update)
        found.append(np.asarray(metric.result()))
    return found


@each_metric
def test_results_are_the_same(name, arguments, batches, reference):
    found = results(getattr(metrics, name)(**arguments), batches)
    expected = reference(lambda: results(theirs_of(name, arguments), batches))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


@each_metric
def test_weights_of_samples_count_the_same(name, arguments, batches, reference):
    if "IoU" in name:
        return  # Keras rounds weights to integers and requires a weight for each pixel
    weights = np.random.default_rng(2).random(len(batches[0][0])).astype("float32")
    update = (*batches[0], weights)
    found = results(getattr(metrics, name)(**arguments), [update])
    expected = reference(lambda: results(theirs_of(name, arguments), [update]))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


@each_metric
def test_configuration_has_the_same_arguments(name, arguments, batches, reference):
    ours = getattr(metrics, name)(**arguments).get_config()
    theirs = reference(lambda: list(theirs_of(name, arguments).get_config()))
    assert not set(theirs) - set(ours) - {"dtype", "beta", "fn"}
    assert {**ours, **arguments} == ours  # Keras converts a single threshold into a list
