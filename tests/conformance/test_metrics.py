"""Every metric beside the one of that name in Keras 3: results, weights of samples and configuration."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import metrics

from ..metrics.cases import CASES, IDS

keras = pytest.importorskip("keras")

# JAX says so of the whole numbers that Keras counts pixels in.
pytestmark = pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64")
each_metric = pytest.mark.parametrize(("name", "arguments", "batches"), CASES, ids=IDS)


def pair(name, arguments):
    return getattr(metrics, name)(**arguments), getattr(keras.metrics, name)(**arguments)


@each_metric
def test_results_are_the_same(name, arguments, batches):
    ours, theirs = pair(name, arguments)
    for batch in batches:
        ours.update_state(*batch)
        theirs.update_state(*batch)
        np.testing.assert_allclose(ours.result(), np.asarray(theirs.result()), rtol=2e-5, atol=1e-6)


@each_metric
def test_weights_of_samples_count_the_same(name, arguments, batches):
    if "IoU" in name:
        return  # Keras rounds weights to whole numbers and wants one for each pixel
    ours, theirs = pair(name, arguments)
    weights = np.random.default_rng(2).random(len(batches[0][0])).astype("float32")
    ours.update_state(*batches[0], weights)
    theirs.update_state(*batches[0], weights)
    np.testing.assert_allclose(ours.result(), np.asarray(theirs.result()), rtol=2e-5, atol=1e-6)


@each_metric
def test_configuration_has_the_same_arguments(name, arguments, batches):
    ours, theirs = (metric.get_config() for metric in pair(name, arguments))
    assert not set(theirs) - set(ours) - {"dtype", "beta", "fn"}
    assert {**ours, **arguments} == ours  # Keras makes a list of one threshold
