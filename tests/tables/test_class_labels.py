from __future__ import annotations

import numpy as np
import pytest

from deepchem_density.tables.class_labels import check_both_tested, check_classes

NAN = float("nan")
IDS = np.array(["a", "b", "c"])


def test_zeros_ones_and_gaps_are_classes():
    check_classes(["x", "y"], np.array([[0, NAN], [1, 1], [NAN, 0]]), IDS)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([0, 1, 2], "x is 2 for 'c' and 0 more; .* 0, 1 and empty cells are accepted"),
        ([0.5, -1, 1], "x is 0.5 for 'a' and 1 more"),
        ([1, NAN, 1], "x holds nothing but 1 in all 3 rows"),
        ([NAN, NAN, NAN], "x holds no label in all 3 rows"),
    ],
)
def test_other_labels_are_refused_by_name(column, message):
    with pytest.raises(ValueError, match=message):
        check_classes(["x"], np.array(column)[:, None], IDS)


def test_a_test_set_of_one_class_alone_is_refused_and_one_target_of_two_warned_of(caplog):
    labels = np.array([[0.0, 1.0], [1.0, NAN], [1.0, 1.0]])
    check_both_tested(["x", "y"], labels)
    assert "one class alone of y" in caplog.text
    with pytest.raises(ValueError, match=r"No two classes of y are among the 3 molecules of the test set"):
        check_both_tested(["y"], labels[:, 1:])
    with pytest.raises(
        ValueError, match=r"No label of y is among the 2 molecules of the test set; take a larger n_test"
    ):
        check_both_tested(["x", "y"], np.array([[0.0, NAN], [1.0, NAN]]))
