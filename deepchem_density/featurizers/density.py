"""The four featurizers: voxel grids of atom types, electron density, its gradient and occupancy, for any DeepChem loader.

Each constructor names all its arguments, because DeepChem reads them from the signature.
"""

from __future__ import annotations

from deepchem_density.featurizers.voxel_featurizer import Center, VoxelFeaturizer

__all__ = ["AtomVoxel", "DensityVoxel", "GradientVoxel", "OccupancyVoxel"]


class AtomVoxel(VoxelFeaturizer):
    """Smoothed number density of the atoms, one channel per element, in atoms/Å³.

    Examples
    --------
    >>> from deepchem_density import AtomVoxel
    >>> AtomVoxel(box_width=8.0).featurize(["CCO"]).shape
    (1, 16, 16, 16, 5)

    Parameters
    ----------
    elements : tuple of str
        Element of each channel.
    other : bool
        One more channel for all other elements; without it a molecule that holds one is refused.
    sigma : float
        Width of the Gaussian of an atom in Å, normalized: (2πσ²)^(-3/2) exp(-r²/2σ²).
    **common
        See `VoxelFeaturizer`.
    """

    representation = "atom"

    def __init__(
        self,
        box_width: float = 16.0,
        voxel_width: float = 0.5,
        oversampling: int = 1,
        center: Center = "mean",
        rotation_seed: int | None = None,
        charge: int | str = 0,
        unpaired: int = 0,
        conformer_seed: int = 0,
        optimize: bool = True,
        part: str = "complex",
        hydrogens: str = "keep",
        waters: bool = True,
        ions: bool = True,
        dtype: str = "float32",
        n_jobs: int = 1,
        timeout: float | None = None,
        elements: tuple[str, ...] = ("H", "C", "N", "O", "F"),
        other: bool = False,
        sigma: float = 0.5,
    ) -> None:
        self._store(locals())


class DensityVoxel(VoxelFeaturizer):
    """Electron density: of valence electrons from xTB, of independent atoms, or of an experimental map.

    Examples
    --------
    >>> from deepchem_density import DensityVoxel
    >>> voxels = DensityVoxel(oversampling=2).featurize(["O"])
    >>> round(float(voxels.sum()) * 0.5**3, 1)  # water has eight valence electrons
    8.0

    Parameters
    ----------
    transform : str
        Of the finished voxels v: "none", "sqrt" (√v) or "log" (ln(1 + v / 10⁻³)); see
        `inverse_transform`.
    source : str
        "xtb" for valence densities in e/Å³, "independent_atoms" for all electrons of atoms that do not know of each other,
        in e/Å³, "map" for the map of the datapoint; "auto" takes the map where there is one, independent atoms for complexes
        and xTB for molecules, and refuses datapoints of different kinds in one call.
    engine : str
        "xtb" (xtb-python) or "tblite".
    method : str
        "GFN2-xTB" or "GFN1-xTB".
    pocket_radius : float
        xTB solves of a protein the residues with an atom within this distance of the ligand, in Å; see
        `cut_pocket`.
    max_atoms : int
        xTB refuses more; the time grows with the cube.
    b_iso : float, optional
        B of all atoms in Å² for independent atoms; None takes the file's. See
        `independent_atoms`, also for ``d_min`` and ``blur``.
    d_min : float, optional
        Smooths independent atoms as a map of that resolution, in Å.
    blur : float
        Added to each B, in Å².
    ionic : bool
        Ionic form factors for atoms that carry a formal charge in their file.
    map_pattern : str
        Path of the map of each datapoint that comes without one, with {id} for the code in the name of the ligand's file,
        "4llx" in 4llx_ligand.sdf: "maps/{id}.ccp4".
    map_coefficients : tuple of str, optional
        Columns of amplitudes and phases in an MTZ or mmCIF file; None finds them. See
        `read_map`.
    map_values : str
        "sigma" for the deviation from a map's mean in units of its root mean square, "file" for the values as they are.
    **common
        See `VoxelFeaturizer`.
    """

    representation = "density"

    def __init__(
        self,
        box_width: float = 16.0,
        voxel_width: float = 0.5,
        oversampling: int = 1,
        center: Center = "mean",
        rotation_seed: int | None = None,
        charge: int | str = 0,
        unpaired: int = 0,
        conformer_seed: int = 0,
        optimize: bool = True,
        part: str = "complex",
        hydrogens: str = "keep",
        waters: bool = True,
        ions: bool = True,
        dtype: str = "float32",
        n_jobs: int = 1,
        timeout: float | None = None,
        transform: str = "none",
        source: str = "auto",
        engine: str = "xtb",
        method: str = "GFN2-xTB",
        pocket_radius: float = 5.0,
        max_atoms: int = 500,
        b_iso: float | None = None,
        d_min: float | None = None,
        blur: float = 0.0,
        ionic: bool = False,
        map_pattern: str = "",
        map_coefficients: tuple[str, str] | None = None,
        map_values: str = "sigma",
    ) -> None:
        self._store(locals())


class GradientVoxel(DensityVoxel):
    """Length of the gradient of the electron density, in e/Å⁴ or σ/Å; arguments as `DensityVoxel`."""

    representation = "gradient"


class OccupancyVoxel(VoxelFeaturizer):
    """1 inside the molecule and 0 outside: shape and nothing else.

    Examples
    --------
    >>> from deepchem_density import OccupancyVoxel
    >>> OccupancyVoxel(dtype="uint8").featurize(["C"]).sum() > 0
    True

    Parameters
    ----------
    shape : str
        "vdw" for the union of van der Waals spheres, "density" for the region where the density is above a threshold.
    threshold : float, optional
        That density; None takes 0.0135 e/Å³ (0.002 e/bohr³), and 1 σ for a map in σ.
    source, engine, method, pocket_radius, max_atoms, b_iso, d_min, blur, ionic, map_pattern, map_coefficients, map_values
        For ``shape="density"``, as in `DensityVoxel`.
    **common
        See `VoxelFeaturizer`. With ``oversampling`` above 1 a voxel is the part of its cell that is inside.
    """

    representation = "occupancy"

    def __init__(
        self,
        box_width: float = 16.0,
        voxel_width: float = 0.5,
        oversampling: int = 1,
        center: Center = "mean",
        rotation_seed: int | None = None,
        charge: int | str = 0,
        unpaired: int = 0,
        conformer_seed: int = 0,
        optimize: bool = True,
        part: str = "complex",
        hydrogens: str = "keep",
        waters: bool = True,
        ions: bool = True,
        dtype: str = "float32",
        n_jobs: int = 1,
        timeout: float | None = None,
        shape: str = "vdw",
        threshold: float | None = None,
        source: str = "auto",
        engine: str = "xtb",
        method: str = "GFN2-xTB",
        pocket_radius: float = 5.0,
        max_atoms: int = 500,
        b_iso: float | None = None,
        d_min: float | None = None,
        blur: float = 0.0,
        ionic: bool = False,
        map_pattern: str = "",
        map_coefficients: tuple[str, str] | None = None,
        map_values: str = "sigma",
    ) -> None:
        self._store(locals())
