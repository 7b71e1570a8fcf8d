"""Densities known at the nodes of a regular grid, read between the nodes by tricubic interpolation.

Along one axis, with u from 0 to 1 between the nodes f0 and f1,

    f(u) = -u(1-u)²/2 f₋₁ + (1 - 5u²/2 + 3u³/2) f0 + (1 - 5v²/2 + 3v³/2) f1 - v(1-v)²/2 f2,    v = 1 - u,

the cubic convolution of R. G. Keys, IEEE Trans. Acoust. Speech Signal Process. 29, 1153 (1981),
doi:10.1109/TASSP.1981.1163711, which passes through the nodes, has a continuous gradient and errs as the third power of
the step; gemmi interpolates with order 3 in the same way. In space it is applied along each of the three axes.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numba import njit

from deepchem_density.errors import FeaturizationError
from deepchem_density.fields.field import Density
from deepchem_density.settings import check_memory

__all__ = ["GriddedDensity", "GriddedValues", "check_nodes"]

EDGE_TOLERANCE = 1e-4
"""Points this fraction of a step outside belong to the map: coordinates in single precision are no better."""

LARGEST_COORDINATE = 2.0**52
FEWEST_NODES = 3
BYTES_PER_NODE = 16
"""While a map is read: its file, a copy, what is scaled and what is kept."""

# Contraction and reordering of sums let the compiler use vector instructions; NaN must keep its meaning: it marks holes.
FASTMATH = {"contract", "reassoc", "nsz"}


class GriddedValues(NamedTuple):
    """What a reader finds: values (n1, n2, n3), origin (3,) and steps (3, 3) in Å, and whether the map repeats."""

    values: np.ndarray
    origin: np.ndarray
    steps: np.ndarray
    periodic: bool


def check_nodes(name: str, sizes: Sequence[int]) -> None:
    """Raise FeaturizationError if a grid of so many nodes along each axis takes more memory than is accepted."""
    try:
        times = " x ".join(f"{n:,}" for n in sizes)
        check_memory(f"The map '{name}' of {times} nodes", math.prod(float(n) for n in sizes) * BYTES_PER_NODE)
    except ValueError as error:
        raise FeaturizationError(
            f"{error} Check its cell and sampling, or cut out the part that is looked at."
        ) from None


class GriddedDensity(Density):
    """A density with values on a grid along three axes, which may be skewed.

    Node (i, j, k) lies at origin + steps @ (i, j, k). The values are in the unit of whoever made the map: e/Å³, or its
    standard deviations.

    Parameters
    ----------
    values : np.ndarray
        (n1, n2, n3), kept in single precision. NaN marks a hole: a value that is not known.
    origin : array-like
        Position of the first node, (3,) in Å.
    steps : array-like
        (3, 3) in Å; column a is the step from node to node along axis a.
    periodic : bool
        Whether the map repeats after n nodes along each axis. One that does not ends at its outermost nodes; within the
        last interval the missing node is extrapolated from three, f₋₁ = 3 f0 - 3 f1 + f2, as Keys does.
    name : str
        What error messages call it.

    Raises
    ------
    FeaturizationError
        Values without three axes or with fewer than three nodes along one that is not periodic; an origin or steps that
        are not finite or span no volume.
    """

    def __init__(
        self, values: np.ndarray, origin: np.ndarray, steps: np.ndarray, periodic: bool, name: str = ""
    ) -> None:
        self.origin = np.asarray(origin, dtype=np.float64)
        self.steps = np.asarray(steps, dtype=np.float64)
        self.periodic = periodic
        self.name = name
        self.shape: tuple[int, ...] = np.shape(values)
        self._check()
        self._padded = _wrapped(values) if periodic else _extrapolated(values)

    def _check(self) -> None:
        fewest = 1 if self.periodic else FEWEST_NODES
        if len(self.shape) != 3 or min(self.shape) < fewest:
            raise FeaturizationError(
                f"{self.label} has values of shape {self.shape}; three axes of at least {fewest} nodes are accepted."
            )
        finite = np.isfinite(self.origin).all() and np.isfinite(self.steps).all()
        if self.origin.shape != (3,) or self.steps.shape != (3, 3) or not finite or not np.linalg.det(self.steps):
            raise FeaturizationError(
                f"{self.label} has the origin {self.origin.tolist()} and the steps {self.steps.tolist()}; finite numbers in "
                "Å, (3,) and (3, 3), and steps that span a volume are accepted."
            )

    @property
    def label(self) -> str:
        """The name in quotes, or a word for a map without one."""
        return f"The map '{self.name}'" if self.name else "A map"

    @property
    def values(self) -> np.ndarray:
        """The values at the nodes, (n1, n2, n3) float32, read-only."""
        view = self._padded[tuple(slice(1, 1 + n) for n in self.shape)]
        view.flags.writeable = False
        return view

    def in_frame(self, center: np.ndarray, rotation: np.ndarray) -> GriddedDensity:
        """Return the same map with its origin and steps as seen from the frame; the values are shared."""
        turned = copy.copy(self)
        turned.origin = (self.origin - center) @ rotation
        turned.steps = rotation.T @ self.steps
        return turned

    def at(self, points: torch.Tensor) -> torch.Tensor:
        """Return the values (n, 1).

        Raises
        ------
        FeaturizationError
            A point outside a map that is not periodic, or in a hole.
        """
        return self._evaluate(_fill_values, *_scattered(points), (len(points), 1), points)

    def gradient_at(self, points: torch.Tensor) -> torch.Tensor:
        """Return the gradient (n, 3) per Å; raises as ``at`` does."""
        return self._evaluate(_fill_gradients, *_scattered(points), (len(points), 3), points)

    def on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return the values (nx, ny, nz, 1).

        Raises
        ------
        FeaturizationError
            As ``at`` does, and where the map is flat: all nodes around these axes have the same value, and so have those
            around the cube that the longest axis spans (of a box that is looked at slab by slab, a slab may be flat).
        """
        values = self._evaluate(_fill_values, *_crossing(x, y, z), (len(x), len(y), len(z), 1), x)
        self._check_variation(x, y, z)
        return values

    def gradient_on_axes(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """Return the gradient (nx, ny, nz, 3) per Å; raises as ``on_axes`` does."""
        gradient = self._evaluate(_fill_gradients, *_crossing(x, y, z), (len(x), len(y), len(z), 3), x)
        self._check_variation(x, y, z)
        return gradient

    def _evaluate(
        self,
        fill: Callable[..., None],
        x: np.ndarray,
        y: np.ndarray,
        z: np.ndarray,
        shape: tuple[int, ...],
        like: torch.Tensor,
    ) -> torch.Tensor:
        """Fill an array with values at the sums of three sets of vectors (n, 3) in Å."""
        to_nodes = np.linalg.inv(self.steps)
        gx, gy, gz = self._in_nodes(x, y, z)
        if min(len(gx), len(gy), len(gz)):
            self._check_reach(gx, gy, gz)
        out = np.empty((len(x), len(y), len(z), shape[-1]), np.float64 if like.dtype == torch.float64 else np.float32)
        sizes = np.array(self.shape, dtype=np.int64)
        fill(self._padded, sizes, self.periodic, gx, gy, gz, to_nodes, out)
        if not np.isfinite(out).all():
            raise FeaturizationError(
                f"{self.label} has a hole, nodes without a finite value, where it is looked at; use a map that is complete "
                "around the ligand."
            )
        return torch.from_numpy(out.reshape(shape)).to(like)

    def _in_nodes(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return three sets of vectors (n, 3) in Å, whose sums are positions, in steps from the first node."""
        to_nodes = np.linalg.inv(self.steps)
        with np.errstate(invalid="ignore"):  # of points at infinity, which are refused
            return (x - self.origin) @ to_nodes.T, y @ to_nodes.T, z @ to_nodes.T

    def _check_variation(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> None:
        """Raise if the map is flat around these axes and in the cube of the longest of them."""
        longest = max((x, y, z), key=len)
        sizes = np.array(self.shape, dtype=np.int64)
        for axes in ((x, y, z), (longest, longest, longest)):
            # from the middle, where a box has its molecule, so that the search ends with the first node in all but odd cases
            outward = _crossing(*(axis[axis.abs().argsort()] for axis in axes))
            if not min(map(len, axes)) or not _is_flat(self._padded, sizes, self.periodic, *self._in_nodes(*outward)):
                return
        raise FeaturizationError(
            f"{self.label} has the same value everywhere in the box, as maps have where they are masked or empty; use a map "
            "that covers the ligand, and ligand and map in the same frame."
        )

    def _check_reach(self, gx: np.ndarray, gy: np.ndarray, gz: np.ndarray) -> None:
        """Raise if a sum of these coordinates, in nodes, is outside the map."""
        low = gx.min(axis=0) + gy.min(axis=0) + gz.min(axis=0)
        high = gx.max(axis=0) + gy.max(axis=0) + gz.max(axis=0)
        if not np.abs([low, high]).max() < LARGEST_COORDINATE:
            raise FeaturizationError(f"{self.label} is looked at in points that are not finite; give finite positions.")
        if self.periodic:
            return
        outside = np.maximum(0, np.maximum(-low, high - (np.array(self.shape) - 1)))
        if outside.max() > EDGE_TOLERANCE:
            distance = (outside * np.linalg.norm(self.steps, axis=0)).max()
            raise FeaturizationError(
                f"{self.label} ends {distance:.2f} Å inside the region that is looked at, and it does not repeat; use a "
                "smaller box_width, a center within the map, or a map that covers the whole unit cell; where it is one and its "
                "header does not say so, map_periodic=True does (periodic=True of read_map)."
            )


def _scattered(points: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return points.double().cpu().numpy(), np.zeros((1, 3)), np.zeros((1, 3))


def _crossing(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the coordinates along each axis as vectors (n, 3)."""
    first, second, third = (axis.double().cpu().numpy()[:, None] for axis in (x, y, z))
    return first * [1, 0, 0], second * [0, 1, 0], third * [0, 0, 1]


def _wrapped(values: np.ndarray) -> np.ndarray:
    """Return the values with one more node before and two behind along each axis."""
    return np.pad(np.ascontiguousarray(values, dtype=np.float32), ((1, 2),) * 3, mode="wrap")


def _extrapolated(values: np.ndarray) -> np.ndarray:
    """Return the values with one more node before and behind along each axis."""
    padded = np.pad(np.ascontiguousarray(values, dtype=np.float32), 1)
    for axis in range(3):
        nodes = np.moveaxis(padded, axis, 0)
        nodes[0] = 3 * nodes[1] - 3 * nodes[2] + nodes[3]
        nodes[-1] = 3 * nodes[-2] - 3 * nodes[-3] + nodes[-4]
    return padded


@njit(cache=True, fastmath=FASTMATH, nogil=True)
def _fill_values(padded, sizes, periodic, gx, gy, gz, to_nodes, out):  # type: ignore[no-untyped-def]
    """Fill out (nx, ny, nz, 1) with the values at the nodes' coordinates gx + gy + gz."""
    flat = padded.ravel()
    plane, line, one = np.uint64(padded.shape[1] * padded.shape[2]), np.uint64(padded.shape[2]), np.uint64(1)
    first, u = np.empty(len(gz), np.uint64), np.empty((3, len(gz)))
    for i in range(len(gx)):
        for j in range(len(gy)):
            _locate(gx[i], gy[j], gz, sizes, periodic, padded.shape, first, u)
            for k in range(len(gz)):
                w0, w1, w2 = _weights(u[0, k]), _weights(u[1, k]), _weights(u[2, k])
                s0 = s1 = s2 = s3 = 0.0  # four sums over planes and lines fit one vector register
                for a in range(4):
                    at = first[k] + np.uint64(a) * plane
                    for b in range(4):
                        w = w0[a] * w1[b]
                        s0 += w * flat[at]
                        s1 += w * flat[at + one]
                        s2 += w * flat[at + one + one]
                        s3 += w * flat[at + one + one + one]
                        at += line
                out[i, j, k, 0] = s0 * w2[0] + s1 * w2[1] + s2 * w2[2] + s3 * w2[3]


@njit(cache=True, fastmath=FASTMATH, nogil=True)
def _fill_gradients(padded, sizes, periodic, gx, gy, gz, to_nodes, out):  # type: ignore[no-untyped-def]
    """Fill out (nx, ny, nz, 3) with the derivatives along x, y and z."""
    flat = padded.ravel()
    plane, line = np.uint64(padded.shape[1] * padded.shape[2]), np.uint64(padded.shape[2])
    first, u = np.empty(len(gz), np.uint64), np.empty((3, len(gz)))
    for i in range(len(gx)):
        for j in range(len(gy)):
            _locate(gx[i], gy[j], gz, sizes, periodic, padded.shape, first, u)
            for k in range(len(gz)):
                w0, w1, w2 = _weights(u[0, k]), _weights(u[1, k]), _weights(u[2, k])
                d0, d1, d2 = _slopes(u[0, k]), _slopes(u[1, k]), _slopes(u[2, k])
                g0 = g1 = g2 = 0.0
                for a in range(4):
                    start = first[k] + np.uint64(a) * plane
                    p0 = p1 = p2 = 0.0
                    for b in range(4):
                        value = _along(flat, start, w2)
                        p0 += w1[b] * value
                        p1 += d1[b] * value
                        p2 += w1[b] * _along(flat, start, d2)
                        start += line
                    g0 += d0[a] * p0
                    g1 += w0[a] * p1
                    g2 += w0[a] * p2
                for c in range(3):
                    out[i, j, k, c] = g0 * to_nodes[0, c] + g1 * to_nodes[1, c] + g2 * to_nodes[2, c]


@njit(cache=True, nogil=True)
def _is_flat(padded, sizes, periodic, gx, gy, gz):  # type: ignore[no-untyped-def]
    """Return whether all nodes that make up the values at the nodes' coordinates gx + gy + gz are equal."""
    flat = padded.ravel()
    plane, line = np.uint64(padded.shape[1] * padded.shape[2]), np.uint64(padded.shape[2])
    first, u = np.empty(len(gz), np.uint64), np.empty((3, len(gz)))
    _locate(gx[0], gy[0], gz, sizes, periodic, padded.shape, first, u)
    level = flat[first[0]]
    for i in range(len(gx)):
        for j in range(len(gy)):
            _locate(gx[i], gy[j], gz, sizes, periodic, padded.shape, first, u)
            for k in range(len(gz)):
                for node in range(64):
                    a, b, c = np.uint64(node // 16), np.uint64(node // 4 % 4), np.uint64(node % 4)
                    if flat[first[k] + a * plane + b * line + c] != level:
                        return False
    return True


@njit(fastmath=FASTMATH)
def _locate(a, b, gz, sizes, periodic, shape, first, u):  # type: ignore[no-untyped-def]
    """Find, for a + b + each of gz, the first of its 4³ nodes in the padded array and its place u between nodes.

    A pass of its own: together with the sums it would not be turned into vector instructions.
    """
    for k in range(len(gz)):
        start = 0
        for axis in range(3):
            coordinate = a[axis] + b[axis] + gz[k, axis]
            node = math.floor(coordinate)
            if not periodic:
                node = min(max(node, 0), sizes[axis] - 2)
            u[axis, k] = coordinate - node
            # not the remainder of integers, which takes longer than all the rest
            node -= sizes[axis] * math.floor(node / sizes[axis])
            start = start * shape[axis] + node
        first[k] = np.uint64(start)


@njit(fastmath=FASTMATH)
def _weights(u):  # type: ignore[no-untyped-def]
    v = 1.0 - u
    return -0.5 * u * v * v, 1.0 + u * u * (1.5 * u - 2.5), 1.0 + v * v * (1.5 * v - 2.5), -0.5 * v * u * u


@njit(fastmath=FASTMATH)
def _slopes(u):  # type: ignore[no-untyped-def]
    v = 1.0 - u
    return -0.5 * v * (v - 2.0 * u), u * (4.5 * u - 5.0), v * (5.0 - 4.5 * v), -0.5 * u * (2.0 * v - u)


@njit(fastmath=FASTMATH)
def _along(flat, start, weights):  # type: ignore[no-untyped-def]
    one = np.uint64(1)
    return (
        weights[0] * flat[start]
        + weights[1] * flat[start + one]
        + weights[2] * flat[start + one + one]
        + weights[3] * flat[start + one + one + one]
    )
