from __future__ import annotations

import numpy as np

from deepchem_density.models.predicted_values import predicted_values


def test_labels_stay_and_of_two_classes_the_second_is_taken():
    labels = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(predicted_values(labels, 2), labels)
    np.testing.assert_array_equal(predicted_values(labels[:, 0], 1), labels[:, :1])
    probabilities = np.stack([1 - labels, labels], axis=-1)
    np.testing.assert_array_equal(predicted_values(probabilities, 2), labels)
    assert predicted_values(np.empty((0, 2, 2)), 2).shape == (0, 2)
