from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.settings import check_positive, check_seed, is_number, listed, one_of


def test_words_are_listed_in_the_message():
    one_of("shape", "vdw", ("vdw", "density"))
    with pytest.raises(ValueError, match="shape='cube' arrived; 'vdw', 'density' are accepted"):
        one_of("shape", "cube", ("vdw", "density"))
    assert listed(("a", "b")) == "'a', 'b'"


@pytest.mark.parametrize("value", [1, 0.5, np.float32(2), np.int64(3)])
def test_positive_numbers_pass(value):
    check_positive("sigma", value, "width in Å")
    assert is_number(value)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), "20", None, True])
def test_what_is_no_positive_number_is_named(value):
    with pytest.raises(ValueError, match=rf"sigma={value!r} arrived; a positive width in Å is accepted"):
        check_positive("sigma", value, "width in Å")


@pytest.mark.parametrize("seed", [-1, 2**31, 1.5, "1"])
def test_seeds_are_whole_and_not_negative(seed):
    with pytest.raises(ValueError, match=f"conformer_seed={seed} arrived"):
        check_seed("conformer_seed", seed)
    check_seed("conformer_seed", 0)
