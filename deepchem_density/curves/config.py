"""The frozen description of a learning curve: what to learn, from which molecules, in which voxels, with which network."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepchem_density.curves.settings import CurveSettings, NetworkSettings
from deepchem_density.files import digest
from deepchem_density.settings import (
    Frozen,
    check_settings,
    class_defaults,
    described,
    documented,
    settings_of,
    special_defaults,
)
from deepchem_density.tables.settings import DataSettings
from deepchem_density.voxels.recipe import FEATURE_VERSION, Recipe
from deepchem_density.voxels.representations import REPRESENTATIONS, canonical, records_of
from deepchem_density.voxels.representations.record import names_in
from deepchem_density.voxels.settings import FileSettings, GridSettings, PartSettings, VoxelSettings

__all__ = [
    "COMPLEX_DEFAULTS",
    "CurveConfig",
    "applies",
    "defaults_of_data",
    "described_as_before",
    "feature_version",
    "short_labels",
]

TRAINING = ("steps", "epochs", "min_steps")
NETWORK = names_in(NetworkSettings)
OF_SOLVER = ("engine", "method", "max_atoms")
"""What a line in the solver's numbers depends on, whatever a network looks at."""
COMPLEX_DEFAULTS = special_defaults(CurveSettings, "complexes")
"""What takes the place of the defaults for complexes on the command line."""
FILE_DEFAULTS = special_defaults(CurveSettings, "files")
"""The same for molecules that are not QM9's."""


@documented
@dataclass(unsafe_hash=True)
class CurveConfig(Frozen, CurveSettings):
    """Everything that determines a learning curve.

    Parameters
    ----------
    {settings}
    """

    def __post_init__(self) -> None:
        with contextlib.suppress(ValueError):  # what is none is refused by check
            object.__setattr__(self, "rep", canonical(self.rep))

    def check(self) -> None:
        """Refuse what cannot run, before anything is computed.

        Raises
        ------
        ValueError
            Naming the setting, what arrived and what is accepted.
        """
        self.check_voxels()
        for name, fits, accepted in self._rules():
            if not fits:
                arrived = ", ".join(f"{one}={getattr(self, one)!r}" for one in name.split(", "))
                raise ValueError(f"{arrived} arrived; {accepted} accepted.")

    def check_voxels(self) -> None:
        """Refuse settings of which no voxels can be made; raises as `check` does."""
        check_settings(self)
        canonical(self.rep, "rep")
        self.recipe.check()
        self._check_belonging()

    def _rules(self) -> list[tuple[str, bool, str]]:
        """Return the settings that go together: their names, whether they fit, and what is accepted."""
        needs_files = self.dataset not in ("sample", "qm9", "openfe")
        needs_more = self.split in ("group", "core", "lists", "year")
        of_molecules = self.split in ("random", "scaffold", "lists")
        learns_numbers = self.task == "regression"
        return [
            ("data_dir", not needs_files or bool(self.data_dir), f"with dataset={self.dataset} a path is"),
            ("split", self.of_complexes or of_molecules, "for molecules 'random', 'scaffold' and 'lists' are"),
            ("split", not self.of_complexes or self.split != "scaffold", "for complexes all others are"),
            ("split_by", not needs_more or bool(self.split_by), f"what split={self.split} needs is"),
            ("targets", len(self.targets) > 0, "one or more label columns are"),
            (
                "task, remove_composition, baseline",
                learns_numbers or self.removed == "none",
                "with task=classification, whose labels are no sums, no line in front of the network is",
            ),
            ("fractions", len(self.fractions) > 0, "one or more parts above 0, at most 1, are"),
            ("seeds", len(set(self.seeds)) == len(self.seeds) > 0, "different whole numbers are"),
            ("steps, epochs", (self.steps > 0) != (self.epochs > 0), "one of them above 0 is"),
            ("patience, n_valid", self.patience == 0 or self.n_valid != 0, "with patience above 0 a validation set is"),
            ("min_steps", self.min_steps == 0 or self.epochs > 0, "0, or a number of steps with epochs above 0, is"),
            (
                "remove_composition, baseline",
                not self.remove_composition or self.baseline in ("none", "composition"),
                "one of them is",
            ),
            (
                "baseline",
                self.baseline != "xtb" or not self.of_complexes,
                "for complexes, which are not solved, 'none' and 'composition' are",
            ),
            (
                "hydrogens",
                self.removed == "none" or self.of_complexes or self.hydrogens == "keep",
                f"with baseline={self.removed}, which counts hydrogens, 'keep' is",
            ),
        ]

    def _check_belonging(self) -> None:
        """Refuse a setting of other representations that is at none of its defaults."""
        usual = [
            class_defaults(self),
            class_defaults(self) | defaults_of_data(self.dataset),
        ]
        for name in names_in(VoxelSettings):
            if not applies(name, self.rep, self.removed) and all(
                getattr(self, name) != defaults[name] for defaults in usual
            ):
                wanted = [record.name for record in REPRESENTATIONS.values() if name in record.settings]
                raise ValueError(
                    f"{name}={getattr(self, name)!r} arrived for rep={self.rep!r}, to which it means nothing; leave it out, or "
                    f"take rep={' or '.join(wanted)}."
                )

    def steps_for(self, n_train: int) -> int:
        """Return the gradient steps of a cell with so many training molecules."""
        return self.steps or max(self.min_steps, self.epochs * self.steps_per_epoch(n_train))

    def steps_per_epoch(self, n_train: int) -> int:
        """Return the batches of so many training molecules."""
        return -(-n_train // self.batch_size)

    def sizes(self, n_pool: int) -> list[int]:
        """Return the training sizes of a curve with so many molecules in its pool."""
        return list(dict.fromkeys(max(1, round(part * n_pool)) for part in sorted(self.fractions)))

    @property
    def removed(self) -> str:
        """The line that networks are not to learn, whichever of its two names said so: none, composition or xtb."""
        return "composition" if self.remove_composition else self.baseline

    @property
    def metrics(self) -> tuple[str, ...]:
        """What tables show, the most important first: what is usual for classes, affinities, and properties of molecules."""
        if self.task == "classification":
            return ("roc_auc", "prc_auc", "log_loss")
        return ("rmse", "mae", "pearson", "spearman") if self.of_complexes else ("mae",)

    @property
    def loss(self) -> str:
        """The metric that is a mean over molecules, which is compared, fitted and tuned."""
        return "log_loss" if self.task == "classification" else self.metrics[0]

    @property
    def recipe(self) -> Recipe:
        """How molecules become voxels."""
        settings = {name: getattr(self, name) for name in names_in(VoxelSettings)}
        return Recipe(self.rep, dtype="float16", **settings)

    @property
    def network(self) -> dict[str, Any]:
        """The arguments of `VoxelCNNModel` that describe the network and its training."""
        recipe = self.recipe
        binned = tuple(channel for channel, binned in enumerate(recipe.binned) if binned)
        several: dict[str, Any] = {"binned_channels": binned} if binned and recipe.n_channels > 1 else {}
        if self.orientation != "turns":
            several["augment"] = False  # the dataset turns them, or nobody
        shape: dict[str, Any] = {"n_tasks": len(self.targets), "n_channels": recipe.n_channels}
        if self.task == "classification":
            shape["mode"] = self.task
        return {**shape, **several, **{name: getattr(self, name) for name in NETWORK}}

    @property
    def study(self) -> str:
        """A digest of what curves must share to stand in one figure: data, split, training and network."""
        names = (*names_in(DataSettings), *TRAINING, *NETWORK)
        known = described(self)  # without what was added later and means what was before
        later = {name: known[name] for name in ("orientation", "patience") if name in known}
        return digest({name: known[name] for name in names if name in known} | later)

    @property
    def special(self) -> dict[str, Any]:
        """The settings of the voxels that matter for the representation and are not the default for such data."""
        defaults = class_defaults(self) | defaults_of_data(self.dataset)
        own = _own_settings(self.rep, self.removed)
        charge = ("charge",) if "engine" in own else ()
        lines = ("remove_composition", "baseline")
        names = (*own, *charge, *names_in(PartSettings, FileSettings), *lines, *names_in(GridSettings))
        about = settings_of(self)
        values = {name: getattr(self, name) for name in names} | _composition_as_before(self)
        return {name: values[name] for name in names if about[name].labelled and values[name] != defaults[name]}

    @property
    def label(self) -> str:
        """The representation and what is special about it, as it is called in tables and figures."""
        return _label(self.rep, self.special)


def _composition_as_before(config: CurveConfig) -> dict[str, Any]:
    """Return the settings of a line in the element counts under the name that stored cells know."""
    return {"remove_composition": True, "baseline": "none"} if config.removed == "composition" else {}


def defaults_of_data(dataset: str) -> dict[str, Any]:
    """Return the defaults for a dataset, where they are others than those of QM9."""
    if dataset in ("sample", "qm9"):
        return {}
    return COMPLEX_DEFAULTS if DataSettings(dataset=dataset).of_complexes else FILE_DEFAULTS


def described_as_before(config: CurveConfig, without: Collection[str] = ()) -> dict[str, Any]:
    """Return settings as the first release would have described them where they mean the same, so that its cells are found."""
    unknown = ("unpaired", "conformer_seed", "optimize")
    defaults = class_defaults(config)
    settings = described(config, (*without, *(name for name in unknown if getattr(config, name) == defaults[name])))
    if config.removed == "composition":
        settings |= _composition_as_before(config)
        settings.pop("baseline", None)
    if settings["engine"] == "auto":  # the densities of both engines are within 2e-4 e/Å³ of each other
        settings["engine"] = "xtb"
    if settings["charge"] is None and feature_version(config) < FEATURE_VERSION:
        settings["charge"] = 0  # which is what data without charges state
    return settings


def feature_version(config: CurveConfig) -> int:
    """Return the version of the features that a curve's data have had since: QM9's tables state neither charges nor bonds."""
    return 2 if config.dataset in ("sample", "qm9") else FEATURE_VERSION


def applies(name: str, rep: str, removed: str = "none") -> bool:
    """Return whether a setting means anything to a representation, of which a network learns what a line leaves."""
    of_any = {one for record in REPRESENTATIONS.values() for one in record.settings}
    return name in _own_settings(rep, removed) or name not in of_any


def _own_settings(rep: str, removed: str) -> list[str]:
    """Return the settings of a representation, and those of the solver where a line in its numbers needs it anyway."""
    solver = OF_SOLVER if removed == "xtb" else ()
    return list(dict.fromkeys((*(name for record in records_of(rep) for name in record.settings), *solver)))


def short_labels(configs: Sequence[CurveConfig]) -> list[str]:
    """Return what to call each of several curves: its representation, and what is special about it and not about all."""

    def shared(name: str) -> bool:
        return all(name in one.special and one.special[name] == configs[0].special[name] for one in configs)

    return [
        _label(config.rep, {name: value for name, value in config.special.items() if not shared(name)})
        for config in configs
    ]


def _label(rep: str, settings: Mapping[str, Any]) -> str:
    return f"{rep} ({', '.join(f'{name}={value}' for name, value in settings.items())})" if settings else rep
