"""The settings of data: which molecules or complexes, with which labels, and how they are split."""

from __future__ import annotations

from dataclasses import dataclass

from deepchem_density.settings import setting

__all__ = ["MOLECULES", "TASKS", "ColumnSettings", "DataSettings", "datapoints_of"]

MOLECULES = ("sample", "qm9", "sdf", "csv")
"""Data whose datapoints are molecules; those of others are complexes."""

TASKS = ("regression", "classification")


@dataclass(eq=False, repr=False)
class ColumnSettings:
    """Columns."""

    smiles_column: str = setting(
        "",
        "column of SMILES in a table; where empty the only one with smiles in its name, or else molecule",
        since=5,
    )
    id_column: str = setting(
        "",
        "column of unique names in a table; where empty its rows are numbered from 1, or predict takes the column id",
        since=5,
    )


@dataclass(eq=False, repr=False)
class DataSettings(ColumnSettings):
    """Data."""

    dataset: str = setting(
        "sample",
        "sample (2,000 molecules of QM9 in this package), qm9 (all of it, from qm9pack), sdf (a folder with gdb9.sdf and "
        "gdb9.sdf.csv, or one other .sdf with its .csv), csv (a .csv or .parquet with SMILES and labels), complexes (a csv, or a "
        "folder with complexes.csv), pdbbind (a folder in its layout), or openfe (57 of OpenFE's benchmark systems with modelled "
        "poses, downloaded where data_dir is empty)",
        choices=(*MOLECULES, "complexes", "pdbbind", "openfe"),
    )
    data_dir: str = setting("", "folder or file of the data, where they are not in a package", path=True)
    targets: tuple[str, ...] = setting(
        ("gap",), "label columns, learned together; a name with a comma in double quotes", complexes=("pK",)
    )
    task: str = setting(
        "regression",
        "what labels are: numbers (regression), or 1 and 0 for yes and no, some of which may be missing (classification, which "
        "predicts probabilities)",
        choices=TASKS,
        since=5,
    )
    n_train: int = setting(0, "molecules for training at fraction 1; 0 takes all that are left", least=0)
    n_valid: int | None = setting(
        100,
        "molecules watched during training; none takes a tenth of all, 10 at the least",
        least=0,
        files=None,
        complexes=0,
    )
    n_test: int = setting(
        400,
        "molecules of the fixed test set; 0 takes a fifth of all, of molecules 10 at the least",
        least=0,
        files=0,
        complexes=0,
    )
    split: str = setting(
        "random",
        "how the test set is drawn: random, or lists (published ids; QM9's are written 42 or gdb_42, from 1); for molecules also "
        "scaffold (no Bemis-Murcko scaffold in two sets, the rarest for testing, as DeepChem does it); for complexes also "
        "group (no value of a column in two sets), cluster (no cluster of similar sequences in two sets), core (a list), "
        "cleansplit (PDBbind CleanSplit, tested on CASF's core sets) or year (what was released later)",
        choices=("random", "scaffold", "group", "cluster", "core", "cleansplit", "lists", "year"),
        complexes="cluster",
    )
    split_by: str = setting(
        "",
        "what the split needs: columns (group); least sequence identity in a cluster, and columns that tell more (cluster, 0.4 "
        "where empty); a file, a folder or files between commas, then column=, train=, valid=, test= where they have other names "
        "(core, lists); CleanSplit's json, where it is not in data_dir (cleansplit); or the last year to train on (year)",
    )
    split_seed: int = setting(0, "fixes the test set", seed=True)

    @property
    def of_complexes(self) -> bool:
        """Whether the datapoints are protein-ligand complexes."""
        return self.dataset not in MOLECULES

    @property
    def datapoints(self) -> str:
        """What the datapoints are called."""
        return datapoints_of(self.dataset)


def datapoints_of(dataset: str) -> str:
    """Return what the datapoints of a dataset are called: molecules, or complexes."""
    return "molecules" if dataset in MOLECULES else "complexes"
