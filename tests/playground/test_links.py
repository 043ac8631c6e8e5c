"""Links to settings, as playground.tensorflow.org writes them."""

from __future__ import annotations

import pytest

from fastconv.playground import links
from fastconv.playground.settings import Settings

OF_TENSORFLOW = (
    "https://playground.tensorflow.org/#activation=relu&regularization=L2&batchSize=12&dataset=spiral&regDataset=reg-gauss"
    "&learningRate=0.1&regularizationRate=0.003&noise=15&networkShape=6,5,2&seed=0.84062&showTestData=true"
    "&discretize=true&percTrainData=70&x=true&y=false&xTimesY=true&xSquared=false&ySquared=true&cosX=false&sinX=true"
    "&cosY=false&sinY=false&collectStats=false&problem=regression&initZero=true&hideText=false&play_button_hide=true"
)


def test_a_link_of_tensorflow():
    settings = links.read(OF_TENSORFLOW)
    assert settings == Settings(
        activation="relu",
        regularization="L2",
        batch_size=12,
        dataset="spiral",
        reg_dataset="reg-gauss",
        learning_rate=0.1,
        regularization_rate=0.003,
        noise=15,
        shape=(6, 5, 2),
        seed=settings.seed,
        show_test=True,
        discretize=True,
        train_percent=70,
        features=("x1", "x2_squared", "x1_x2", "sin_x1"),
        problem="regression",
        init_zero=True,
    )
    assert settings.seed == links.read("#seed=0.84062").seed != links.read("#seed=0.84063").seed


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        links.read(OF_TENSORFLOW),
        Settings(
            shape=(), features=("sin_x2",), optimizer="adam", activation="maxout", seed=2**32 - 1, learning_rate=1e-5
        ),
        Settings(weights_seed=7, activation="leaky_relu", problem="regression", regularization="L1"),
    ],
)
def test_a_written_link_is_read(settings):
    assert links.read(links.write(settings)) == settings
    assert links.read("http://localhost:8765/?token=x#" + links.write(settings)) == settings


def test_an_empty_link_gives_the_settings_of_the_start():
    assert links.read("") == links.read("#") == Settings()


def test_no_hidden_layers():
    assert links.read("#networkShape=").shape == ()


@pytest.mark.parametrize(
    ("link", "name", "value"),
    [
        ("noise=80", "noise", 50),
        ("noise=-3", "noise", 0),
        ("batchSize=1000", "batch_size", 30),
        ("percTrainData=99", "train_percent", 90),
        ("learningRate=1e9", "learning_rate", 10),
        ("x=false", "features", ("x2",)),
        ("seed=12", "seed", 12),
    ],
)
def test_numbers_are_moved_into_their_range(link, name, value):
    assert getattr(links.read(link), name) == value


@pytest.mark.parametrize(
    "link",
    [
        "activation=__import__",
        "dataset=../etc",
        "noise=much",
        "noise=nan",
        "learningRate=nan",
        "networkShape=9",
        "networkShape=0",
        "networkShape=1,1,1,1,1,1,1",
        "networkShape=a",
        "x=false&y=false",
        "regularization=L3",
        "problem=",
        "x" * 3000,
    ],
)
def test_wrong_links_are_refused(link):
    with pytest.raises(ValueError, match="Received"):
        links.read(link)
