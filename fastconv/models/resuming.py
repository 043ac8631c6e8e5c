"""An interrupted training goes on: data and random numbers are brought to the place at which it was saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from fastconv.callbacks.training_state import TrainingState
from fastconv.models.batches import BatchSource
from fastconv.models.steps import record_step
from fastconv.typing import AnyModel
from fastconv.utils import random


def replay_epochs(
    model: AnyModel, state: TrainingState, train: BatchSource, validation: BatchSource | None, validated: Iterable[bool]
) -> None:
    """Bring data, random numbers and `model.stop_training` to the epoch of `state`.

    Args:
        model: the model that is trained.
        state: the place at which `fit` goes on.
        train, validation: the batches, from which those of the epochs before are taken.
        validated: for each epoch before, whether it ended with a validation.
    """
    random.set_state(state.place["random"]["fit"])
    for due in validated:
        train.replay()
        if validation is not None and due:
            validation.replay()
    random.set_state(state.place["random"]["now"])
    model.stop_training = state.place["stopped"]


def skip_batches(model: AnyModel, state: TrainingState, batches: Iterator[tuple[int, Any]]) -> dict[str, Any]:
    """Take the batches before `state` from an epoch, restore the metrics, and return the logs of the last batch."""
    *_, (_, last) = islice(batches, state.place["batch"])
    record_step(model, "train", last, assign=False)  # so that all metrics exist
    state.restore_metrics(model)
    random.set_state(state.place["random"]["now"])
    return state.place["logs"]
