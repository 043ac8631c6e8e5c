import numpy as np

from fastconv import optimizers, utils


def test_pixels_become_blocks(example):
    images = np.arange(2 * 64).reshape(2, 8, 8) % 17
    enlarged = example.enlarge(images)
    assert enlarged.shape == (2, 32, 32, 1)
    np.testing.assert_array_equal(enlarged[1, 8:12, 4:8, 0], np.full((4, 4), images[1, 2, 1] / 16, "float32"))


def test_lenet5_has_the_weights_of_the_paper_and_learns(example):
    utils.set_random_seed(0)
    model = example.lenet5()
    assert model.count_params() == 61_706
    y = np.arange(40) % 4
    x = example.enlarge(np.where(np.arange(8)[:, None] // 2 == y[:, None, None], 16, 0) * np.ones((40, 8, 8)))
    model.compile(optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert model.fit(x, y, batch_size=10, epochs=8, verbose=0).history["accuracy"][-1] == 1
