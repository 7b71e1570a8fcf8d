"""What several tests of experiments watch."""

from __future__ import annotations

import pytest

from deepchem_density.voxels.store import VoxelStore


@pytest.fixture
def featurized_names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of every molecule of which voxels are asked for from now on, each time it is."""
    shown: list[str] = []
    original = VoxelStore.voxels

    def voxels(self, datapoints, n_jobs=1):
        shown.extend(structure.name for structure in datapoints)
        return original(self, datapoints, n_jobs)

    monkeypatch.setattr(VoxelStore, "voxels", voxels)
    return shown
