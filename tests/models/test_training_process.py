from __future__ import annotations

import torch

from deepchem_density.models.training_process import prepare_process


def test_training_takes_the_threads_that_were_asked_for():
    prepare_process(2)
    assert torch.get_num_threads() == 2
    prepare_process(1)
    assert torch.get_num_threads() == 1
