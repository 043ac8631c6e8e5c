"""Every op compared with NumPy: values, dtypes, graphs, derivatives."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from fastconv import ops
from fastconv.engine.tree import leaves
from tests.check import check_op, in_float32
from tests.ops.cases import TABLE

# Ops with arguments other than arrays, or with random results: each has its own tests in this folder.
ELSEWHERE = {
    "concatenate", "convert_to_numpy", "dropout", "ones", "ones_like", "random_categorical", "random_integers",
    "random_normal", "random_shuffle", "random_truncated_normal", "random_uniform", "shape", "stack", "update", "zeros",
    "zeros_like",
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_op(case):
    oracle = functools.partial(case.oracle, **case.parameters)
    check_op(case, *case.arguments, oracle=oracle, second=case.second, same_bits=case.same_bits)


def test_every_op_is_tested_in_the_table_or_elsewhere():
    in_table = {case.name for case in TABLE}
    assert in_table | ELSEWHERE == set(ops.__all__)
    assert in_table & ELSEWHERE == set(), "ops that need no entry in ELSEWHERE"
    texts = [path.read_text() for path in Path(__file__).parent.glob("test_*.py") if path.name != Path(__file__).name]
    assert {name for name in ELSEWHERE if not any(f"ops.{name}(" in text for text in texts)} == set()


def reversed_in_memory(a):
    return a[(slice(None, None, -1),) * a.ndim].copy()[(slice(None, None, -1),) * a.ndim]


def read_only(a):
    a = a.copy()
    a.setflags(write=False)
    return a


@pytest.mark.parametrize("disguise", [np.asfortranarray, reversed_in_memory, read_only])
@pytest.mark.parametrize("case", TABLE, ids=str)
def test_memory_order_does_not_matter(case, disguise):
    arrays = in_float32(case.arguments)
    for y, wanted in zip(leaves(case(*(disguise(a) for a in arrays))), leaves(case(*arrays)), strict=True):
        np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-5)
