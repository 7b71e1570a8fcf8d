"""The settings of voxels, each declared once: what is read, what is looked at, and on which grid.

Featurizers inherit the classes that matter for them; recipes and learning curves inherit all of them. The first line of a
class is the heading of its settings on the command line.
"""

from __future__ import annotations

from dataclasses import dataclass

from deepchem_density.settings import setting

__all__ = [
    "AtomSettings",
    "DensitySettings",
    "FileSettings",
    "GridSettings",
    "MapSettings",
    "MoleculeSettings",
    "NumberSettings",
    "PartSettings",
    "ProcessSettings",
    "SurfaceSettings",
    "TransformSettings",
    "VoxelSettings",
]

OF_QM9 = ("H", "C", "N", "O", "F")
ORGANIC = (*OF_QM9, "P", "S", "Cl", "Br", "I")


@dataclass(eq=False, repr=False)
class GridSettings:
    """Grid."""

    box_width: float = setting(
        16.0,
        "edge of the box, a whole number of voxels",
        unit="Å",
        above=0,
        curves=12.0,
        complexes=24.0,
        search=(12.0, 15.0),
        search_complexes=(18.0, 24.0, 30.0),
    )
    # Molecules like QM9's gain nothing from finer voxels in as many steps, and a trial would take three times as long.
    voxel_width: float = setting(
        0.5,
        "edge of a voxel",
        unit="Å",
        above=0,
        curves=0.75,
        complexes=1.0,
        search=(0.6, 0.75, 1.0),
        search_complexes=(0.75, 1.0, 1.5),
    )
    oversampling: int = setting(
        1,
        "points of a voxel along each axis, of which it is the mean; 1 samples its centre",
        least=1,
        curves=2,
        search=(1, 2),
    )
    center: str | tuple[float, float, float] = setting(
        "mean",
        "centre of the box: mean of the (ligand's) atoms, charge for the centre of nuclear charge, origin, or a point in Å",
        choices=("mean", "charge", "origin"),
    )
    rotation_seed: int | None = setting(
        None,
        "turns each molecule's grid at random, by seed and molecule alone; None keeps the axes of the input",
        seed=True,
    )


@dataclass(eq=False, repr=False)
class MoleculeSettings:
    """Molecules."""

    charge: int | str | None = setting(
        None,
        "total charge of a molecule or ligand; None follows its source, 0 where that states none; formal refuses sources without "
        "bonds",
        choices=("formal",),
        complexes="formal",
    )
    unpaired: int | None = setting(
        None, "unpaired electrons of a molecule; None follows its source, in which metals leave them open", least=0
    )
    conformer_seed: int = setting(0, "seed of the conformers made for SMILES", seed=True)
    optimize: bool | str = setting(
        True,
        "relax those conformers, with a force field (true), and further with GFN-xTB by its method, about 0.2 s for 20 atoms",
        choices=("GFN2-xTB", "GFN1-xTB"),
    )


@dataclass(eq=False, repr=False)
class PartSettings:
    """Parts of complexes."""

    part: str = setting(
        "complex",
        "what of a complex is looked at: complex for all of it, ligand, protein, or separate for ligand and protein in "
        "channels of their own, the ligand's first",
        choices=("complex", "ligand", "protein", "separate"),
    )


@dataclass(eq=False, repr=False)
class FileSettings:
    """Files of structures."""

    # Half of the files of usual sets hold hydrogens and half do not: with them a network learns where a file comes from.
    hydrogens: str = setting(
        "keep",
        "keep takes those that the file has, drop none, add gives the molecule or ligand those that it lacks",
        choices=("keep", "drop", "add"),
        complexes="drop",
    )
    waters: bool = setting(True, "keep the waters of a protein's file")
    ions: bool = setting(True, "keep the monatomic ions of a protein's file")


@dataclass(eq=False, repr=False)
class NumberSettings:
    """Numbers."""

    dtype: str = setting(
        "float32",
        "type of the voxels; uint8 holds 0 and 1 of occupancy",
        choices=("float32", "float16", "float64", "uint8"),
    )


@dataclass(eq=False, repr=False)
class ProcessSettings:
    """Processes."""

    n_jobs: int = setting(1, "processes that compute voxels; -1 is one a core", least=-1)
    timeout: float | None = setting(None, "seconds that one molecule may take", above=0)


@dataclass(eq=False, repr=False)
class AtomSettings:
    """Atom types."""

    elements: tuple[str, ...] = setting(
        ORGANIC,
        "element of each channel",
        curves=OF_QM9,
        files=ORGANIC,
        complexes=("C", "N", "O", "S", "P", "F", "Cl", "Br", "I"),
    )
    other: bool = setting(
        True,
        "one more channel for all other elements; without it a molecule that holds one is refused",
        curves=False,
        files=True,
        complexes=True,
    )
    sigma: float = setting(
        0.5,
        "width σ of the Gaussian of an atom, normalized: (2πσ²)^(-3/2) exp(-r²/2σ²)",
        unit="Å",
        above=0,
        complexes=0.7,
        search=(0.35, 0.5, 0.7),
        search_complexes=(0.5, 0.7, 1.0),
    )


@dataclass(eq=False, repr=False)
class TransformSettings:
    """Transform of densities."""

    transform: str = setting(
        "none",
        "of finished voxels v: none, sqrt (√v) or log (ln(1 + v / 10⁻³)); the sign of maps is kept",
        choices=("none", "sqrt", "log"),
        search=("none", "sqrt", "log"),
    )


@dataclass(eq=False, repr=False)
class DensitySettings:
    """Sources of density."""

    source: str = setting(
        "auto",
        "xtb for valence densities, independent_atoms for all electrons of atoms that do not know of each other, map for the "
        "datapoint's map; auto takes the map where there is one, independent atoms for complexes and xtb for molecules",
        choices=("auto", "xtb", "independent_atoms", "map"),
    )
    engine: str = setting(
        "xtb",
        "what solves xTB: xtb (xtb-python), tblite, or auto for tblite below 50 atoms where it is installed and xtb above",
        choices=("xtb", "tblite", "auto"),
        curves="auto",
        labelled=False,
    )
    method: str = setting("GFN2-xTB", "GFN2-xTB or GFN1-xTB", choices=("GFN2-xTB", "GFN1-xTB"))
    pocket_radius: float = setting(
        5.0, "xTB solves of a protein the residues with an atom this near to the ligand", unit="Å", above=0
    )
    max_atoms: int = setting(
        500, "xTB refuses more atoms, since its time grows with their cube", least=1, labelled=False
    )
    # B factors of usual sets are refined for some files and made up for others; with a common one all atoms of an element are
    # alike.
    b_iso: float | None = setting(
        None, "B of all independent atoms; None takes the file's", unit="Å²", above=0, complexes=20.0
    )
    d_min: float | None = setting(None, "smooths independent atoms as a map of that resolution", unit="Å", above=0)
    blur: float = setting(0.0, "added to each B of independent atoms", unit="Å²")
    ionic: bool = setting(False, "ionic form factors for independent atoms with a formal charge")


@dataclass(eq=False, repr=False)
class MapSettings:
    """Maps."""

    map_pattern: str = setting(
        "",
        "path of the map of each ligand that comes without one, with {id} for its code, 4llx for 4llx_ligand.sdf",
    )
    map_coefficients: tuple[str, str] | None = setting(
        None, "columns of amplitudes and phases in an MTZ or mmCIF file; None finds them"
    )
    map_values: str = setting(
        "sigma",
        "sigma for the deviation from a map's mean in units of its rms, file for the values as they are",
        choices=("sigma", "file"),
    )
    map_periodic: bool | None = setting(
        None, "whether maps repeat as crystals do; None takes what each file's header says", since=4
    )


@dataclass(eq=False, repr=False)
class SurfaceSettings:
    """Occupancy."""

    shape: str = setting(
        "vdw",
        "vdw for the union of van der Waals spheres, density for the region where the density is above a threshold",
        choices=("vdw", "density"),
    )
    threshold: float | None = setting(
        None,
        "that density; None takes 0.0135 e/Å³ (0.002 e/bohr³), and 1 σ for a map in σ",
        unit="e/Å³ or σ",
        above=0,
    )


@dataclass(eq=False, repr=False)
class VoxelSettings(
    SurfaceSettings,
    MapSettings,
    DensitySettings,
    TransformSettings,
    AtomSettings,
    FileSettings,
    PartSettings,
    MoleculeSettings,
    GridSettings,
):
    """Everything that says how a datapoint becomes numbers: what one recipe and a whole learning curve share."""
