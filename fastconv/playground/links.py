"""Links to settings: the part after # of playground.tensorflow.org, with a few names more.

Names that the page does not need, such as "hideText", are ignored. Numbers beyond the range of a setting become the
nearest number of the range.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastconv.playground.settings import FEATURES, LARGEST_SEED, LARGEST_WEIGHTS_SEED, MOST_LAYERS, Settings

LONGEST = 2000  # characters of a link


def _number(least: float, most: float) -> Callable[[str], float]:
    return lambda text: min(max(float(text), least), most)


def _integer(least: int, most: int) -> Callable[[str], int]:
    return lambda text: round(min(max(float(text), least), most))


def _boolean(text: str) -> bool:
    return text == "true"


def _shape(text: str) -> list[int]:
    return [int(units) for units in text.split(",")[: MOST_LAYERS + 1] if units]


def _seed(text: str) -> int:
    """Return an integer for a seed, which is any text, such as 0.84062."""
    return int(text) % (LARGEST_SEED + 1) if text.isdecimal() and len(text) < 20 else zlib.crc32(text.encode())


# {name in a link: (setting, conversion of the text)}
NAMES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "problem": ("problem", str),
    "dataset": ("dataset", str),
    "regDataset": ("reg_dataset", str),
    "noise": ("noise", _integer(0, 50)),
    "percTrainData": ("train_percent", _integer(10, 90)),
    "batchSize": ("batch_size", _integer(1, 30)),
    "networkShape": ("shape", _shape),
    "activation": ("activation", str),
    "learningRate": ("learning_rate", _number(1e-6, 10)),
    "regularization": ("regularization", str),
    "regularizationRate": ("regularization_rate", _number(0, 10)),
    "optimizer": ("optimizer", str),
    "seed": ("seed", _seed),
    "weightsSeed": ("weights_seed", _integer(0, LARGEST_WEIGHTS_SEED)),
    "initZero": ("init_zero", _boolean),
    "showTestData": ("show_test", _boolean),
    "discretize": ("discretize", _boolean),
}


def read(link: str) -> Settings:
    """Return the settings in a link, or in the part of it after #.

    Raises:
        ValueError: if a name, such as the activation's, or a number is not valid.
    """
    if len(link) > LONGEST:
        raise ValueError(f"link: at most {LONGEST} characters are read. Received: {len(link)}")
    given = dict(parse_qsl(link.rpartition("#")[2], keep_blank_values=True))
    changes = {setting: _converted(name, given[name], to) for name, (setting, to) in NAMES.items() if name in given}
    return Settings().changed({**changes, **_features(given)})


def _converted(name: str, text: str, convert: Callable[[str], Any]) -> Any:
    try:
        return convert(text)
    except (ValueError, OverflowError):
        raise ValueError(f"link: {name} must be a number. Received: {text[:60]!r}") from None


def _features(given: dict[str, str]) -> dict[str, list[str]]:
    default = Settings().features
    chosen = [
        name
        for name, feature in FEATURES.items()
        if _boolean(given.get(feature.link, "true" if name in default else "false"))
    ]
    return {"features": chosen}


def write(settings: Settings) -> str:
    """Return the link to settings, without #."""
    features = {feature.link: name in settings.features for name, feature in FEATURES.items()}
    values = {name: getattr(settings, setting) for name, (setting, _) in NAMES.items()}
    return urlencode({name: _text(value) for name, value in {**values, **features}.items()}, safe=",")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:.12g}" if isinstance(value, float) else str(value)
