"""The four featurizers: voxel grids of atom types, electron density, its gradient and occupancy, for any DeepChem loader.

Each constructor names all its arguments, because DeepChem reads them from the signature.
"""

from __future__ import annotations

from deepchem_density.voxel_featurizer import Center, VoxelFeaturizer

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
        See :class:`VoxelFeaturizer`.
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
        dtype: str = "float32",
        n_jobs: int = 1,
        timeout: float | None = None,
        elements: tuple[str, ...] = ("H", "C", "N", "O", "F"),
        other: bool = False,
        sigma: float = 0.5,
    ) -> None:
        super().__init__(
            box_width, voxel_width, oversampling, center, rotation_seed, charge, unpaired, conformer_seed, optimize, dtype,
            n_jobs, timeout,
        )  # fmt: skip
        self.elements = elements
        self.other = other
        self.sigma = sigma


class DensityVoxel(VoxelFeaturizer):
    """Valence electron density from xTB, in e/Å³.

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
        :func:`~deepchem_density.representations.inverse_transform`.
    engine : str
        "xtb" (xtb-python) or "tblite".
    method : str
        "GFN2-xTB" or "GFN1-xTB".
    **common
        See :class:`VoxelFeaturizer`.
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
        dtype: str = "float32",
        n_jobs: int = 1,
        timeout: float | None = None,
        transform: str = "none",
        engine: str = "xtb",
        method: str = "GFN2-xTB",
    ) -> None:
        super().__init__(
            box_width, voxel_width, oversampling, center, rotation_seed, charge, unpaired, conformer_seed, optimize, dtype,
            n_jobs, timeout,
        )  # fmt: skip
        self.transform = transform
        self.engine = engine
        self.method = method


class GradientVoxel(DensityVoxel):
    """Length of the gradient of the valence electron density from xTB, in e/Å⁴; arguments as :class:`DensityVoxel`."""

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
        "vdw" for the union of van der Waals spheres, "density" for the region where the xTB density is above a threshold.
    threshold : float
        That density in e/Å³; the default is 0.002 e/bohr³.
    engine, method : str
        For ``shape="density"``, as in :class:`DensityVoxel`.
    **common
        See :class:`VoxelFeaturizer`. With ``oversampling`` above 1 a voxel is the part of its cell that is inside.
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
        dtype: str = "float32",
        n_jobs: int = 1,
        timeout: float | None = None,
        shape: str = "vdw",
        threshold: float = 0.0135,
        engine: str = "xtb",
        method: str = "GFN2-xTB",
    ) -> None:
        super().__init__(
            box_width, voxel_width, oversampling, center, rotation_seed, charge, unpaired, conformer_seed, optimize, dtype,
            n_jobs, timeout,
        )  # fmt: skip
        self.shape = shape
        self.threshold = threshold
        self.engine = engine
        self.method = method
