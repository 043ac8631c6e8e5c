"""Properties of every metric: configuration, batches, reset, and use in graphs."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import metrics
from fastconv.engine import Plan, Tensor, Trace

from .cases import CASES, IDS, OWN_CASES, OWN_IDS

each_metric = pytest.mark.parametrize(("name", "arguments", "batches"), [*CASES, *OWN_CASES], ids=[*IDS, *OWN_IDS])


def together(batches):
    return [np.concatenate(parts) for parts in zip(*batches)]


def value_of(metric, batches):
    for y_true, y_pred in batches:
        metric.update_state(y_true, y_pred)
    return metric.result()


@each_metric
def test_batches_add_up(name, arguments, batches):
    cls = getattr(metrics, name)
    whole = value_of(cls(**arguments), [together(batches)])
    metric = cls(**arguments)
    np.testing.assert_allclose(value_of(metric, batches), whole, rtol=1e-5)
    metric.reset_state()
    np.testing.assert_allclose(metric(*together(batches)), whole, rtol=1e-5)


@each_metric
def test_configuration_round_trip(name, arguments, batches):
    metric = getattr(metrics, name)(**arguments)
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config() == {**metric.get_config(), **arguments}
    np.testing.assert_array_equal(value_of(again, batches), value_of(metric, batches))


@each_metric
def test_plans_agree_with_single_calls(name, arguments, batches):
    metric, traced = (getattr(metrics, name)(**arguments) for _ in range(2))
    (y_true, y_pred), _ = batches
    with Trace() as trace:
        inputs = [Tensor(a.shape, a.dtype) for a in (y_true, y_pred)]
        traced.update_state(*inputs)
    plan = Plan(inputs, [], trace.reads, trace.updates)
    for batch in batches:
        plan(*batch)
    np.testing.assert_allclose(traced.result(), value_of(metric, batches), rtol=1e-5)


def test_auc_is_the_fraction_of_pairs_in_order():
    rng = np.random.default_rng(1)
    y_true = rng.integers(0, 2, 300)
    y_pred = np.round(0.3 * y_true + 0.7 * rng.random(300), 2)  # further apart than the thresholds
    pairs = y_pred[y_true == 1][:, None] - y_pred[y_true == 0]
    expected = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
    assert metrics.AUC(num_thresholds=1001)(y_true, y_pred) == pytest.approx(expected, abs=1e-9)


def test_the_sum():
    metric = metrics.Sum()
    metric.update_state([1.0, 2.0], sample_weight=[2.0, 0.5])
    assert metric(4.0) == 7.0


def test_every_metric_is_in_the_table():
    classes = {name for name in metrics.__all__ if isinstance(getattr(metrics, name), type)}
    assert classes == {name for name, *_ in [*CASES, *OWN_CASES]} | {"Mean", "MeanMetricWrapper", "Metric", "Sum"}
