import pytest

pytest.importorskip("matplotlib")


def test_curves_and_filters_are_drawn(example, tmp_path):
    model = example.build()
    assert model.input_shape == (None, 28, 28, 1)
    assert model.output_shape == (None, 10)
    path = tmp_path / "picture.png"
    example.draw(model, {"accuracy": [0.5, 0.75], "val_accuracy": [0.5, 0.7]}, path)
    assert path.read_bytes().startswith(b"\x89PNG")
