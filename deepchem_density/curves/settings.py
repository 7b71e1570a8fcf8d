"""The settings of learning curves beside data and voxels: what is compared, the network, and its training."""

from __future__ import annotations

from dataclasses import dataclass

from deepchem_density.settings import Between, setting, with_defaults
from deepchem_density.tables.settings import DataSettings
from deepchem_density.voxels.settings import VoxelSettings

__all__ = ["CurveSettings", "InputSettings", "NetworkSettings", "SizeSettings", "TrainingSettings"]


@dataclass(eq=False, repr=False)
class InputSettings:
    """Input."""

    rep: str = setting(
        "density", "atom, density, gradient or occupancy, or several joined as in density+gradient+occupancy"
    )


@dataclass(eq=False, repr=False)
class SizeSettings:
    """Sizes and repetitions."""

    fractions: tuple[float, ...] = setting(
        (0.0625, 0.25, 1.0), "parts of the training molecules, nested", above=0, most=1
    )
    seeds: tuple[int, ...] = setting((0, 1), "each draws its own training molecules and initial weights", seed=True)


@dataclass(eq=False, repr=False)
class TrainingSettings:
    """Training."""

    steps: int = setting(
        240,
        "gradient steps of every cell, the most with patience; 0 leaves the length to epochs",
        least=0,
        complexes=600,
    )
    epochs: int = setting(0, "passes over the training molecules, instead of steps", least=0)
    min_steps: int = setting(0, "gradient steps that epochs gives small training sets at the least", least=0)
    patience: int = setting(
        0,
        "train until the loss on the validation set has fallen by less than 1 % within so many looks at it (100 to 500 steps "
        "apart), then cool down; 0 takes all steps",
        least=0,
        since=5,
        before=0,
    )
    orientation: str = setting(
        "turns",
        "how training molecules are turned each epoch: fixed, by one of the cube's 24 turns, or by any rotation (random)",
        choices=("fixed", "turns", "random"),
        since=4,
    )
    remove_composition: bool = setting(False, "the name that baseline=composition had before")
    baseline: str = setting(
        "none",
        "train on what a line, fitted to the training molecules, leaves of the labels, and add it to predictions: a line in the "
        "element counts (composition), or in those and GFN-xTB's energy, HOMO, LUMO and dipole (xtb; molecules alone, each is "
        "solved for it when it is predicted)",
        choices=("none", "composition", "xtb"),
        since=4,
    )


@dataclass(eq=False, repr=False)
class NetworkSettings:
    """Network."""

    batch_size: int = setting(32, "molecules a step", least=1)
    learning_rate: float = setting(3e-3, "highest rate of the one-cycle schedule", above=0, search=Between(3e-4, 1e-2))
    widths: tuple[int, ...] = setting(
        (16, 32, 64, 128),
        "channels of each stage",
        least=1,
        search=((8, 16, 32, 64), (16, 32, 64, 128), (32, 64, 128, 256)),
    )
    depth: int = setting(1, "convolutions of each stage", least=1, search=(1, 2))
    n_bins: int | None = setting(
        None,
        "soft bins of magnitude for each channel in front, 0 for none; None takes 8 where magnitude is all there is",
        least=0,
        search=(None, 0, 16),
    )
    stem_widths: tuple[int, ...] = setting((), "channels of pointwise layers in front", least=1, search=((), (16,)))
    dropout: float = setting(
        0.0,
        "in the perceptron at the end; above 0, its masks count in the spread of an ensemble",
        least=0,
        most=0.99,
        search=(0.0, 0.1, 0.25),
    )
    pooling: str = setting("mean", "over the last cells", choices=("mean", "sum"), search=("mean", "sum"))


@dataclass(eq=False, repr=False)
@with_defaults("curves")
class CurveSettings(VoxelSettings, NetworkSettings, TrainingSettings, SizeSettings, DataSettings, InputSettings):
    """Everything that determines a learning curve, as the command line knows it."""
