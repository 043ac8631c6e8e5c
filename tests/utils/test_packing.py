import pytest

from fastconv.utils import pack_x_y_sample_weight, unpack_x_y_sample_weight


@pytest.mark.parametrize("given", [(1, None, None), ([1, 2], None, None), (1, 2, None), (1, 2, 3), (1, None, 3)])
def test_packing_round_trip(given):
    assert unpack_x_y_sample_weight(pack_x_y_sample_weight(*given)) == given


def test_a_single_input_is_not_packed():
    assert pack_x_y_sample_weight(1) == 1
    assert pack_x_y_sample_weight([1, 2]) == ([1, 2],)


@pytest.mark.parametrize("data", [(), (1, 2, 3, 4)])
def test_other_tuples_are_refused(data):
    with pytest.raises(ValueError, match=r"Received: a tuple of \d"):
        unpack_x_y_sample_weight(data)
