"""libmolgrid's side of atoms_vs_libmolgrid.py, in an environment of its own: its wheel needs numpy below 2.

Reads molecules from an .npz file, then obeys commands from standard input, one a line, and answers each with a line of
JSON that starts with "{".
"""

import json
import sys
import time
from pathlib import Path

import molgrid
import numpy as np

BATCH = 50


class Molecules:
    """Molecules padded to one length; libmolgrid skips an atom whose type is -1."""

    def __init__(self, path, radii):
        with np.load(path) as stored:
            self.centers, self.positions = stored["centers"], stored["positions"]
            self.channels, self.n_atoms = stored["channels"], stored["n_atoms"]
            self.radii = np.where(self.channels < 0, 0.0, stored[radii]).astype(np.float32)
            self.n_channels, self.voxels, resolution = (
                int(stored["n_channels"]),
                int(stored["n"]),
                float(stored["resolution"]),
            )
        self.maker = molgrid.GridMaker(resolution=resolution, dimension=resolution * (self.voxels - 1))
        self.shape = (self.n_channels, self.voxels, self.voxels, self.voxels)
        self.sets = [
            molgrid.CoordinateSet(
                molgrid.Grid2f(np.ascontiguousarray(self.positions[i, :n])),
                molgrid.Grid1f(np.ascontiguousarray(self.channels[i, :n])),
                molgrid.Grid1f(np.ascontiguousarray(self.radii[i, :n])),
                self.n_channels,
            )
            for i, n in enumerate(self.n_atoms)
        ]
        self.points = [molgrid.float3(*map(float, center)) for center in self.centers]
        self.buffer = np.zeros((BATCH, *self.shape), dtype=np.float32)

    def __len__(self):
        return len(self.n_atoms)

    def single(self, out, i):
        self.maker.forward(self.points[i], self.sets[i], molgrid.Grid4f(out))

    def batched(self, out, first):
        part = slice(first, first + len(out))
        self.maker.forward(
            molgrid.Grid2f(self.centers[part]),
            molgrid.Grid3f(self.positions[part]),
            molgrid.Grid2f(self.channels[part]),
            molgrid.Grid2f(self.radii[part]),
            molgrid.Grid5f(out),
        )

    def single_warm(self):
        for i in range(len(self)):
            self.single(self.buffer[i % BATCH], i)

    def single_fresh(self):
        out = np.empty((len(self), *self.shape), dtype=np.float32)
        for i in range(len(self)):
            self.single(out[i], i)

    def batched_warm(self):
        for first in range(0, len(self), BATCH):
            self.batched(self.buffer[: len(self) - first], first)

    def batched_fresh(self):
        self.batched(np.empty((len(self), *self.shape), dtype=np.float32), 0)

    def grid(self, i):
        out = np.zeros(self.shape, dtype=np.float32)
        self.single(out, i)
        return out


def main():
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    molecules = {radii: Molecules(path, radii) for radii in ("same_gaussian", "van_der_waals")}
    print(json.dumps({"libmolgrid": molgrid.__version__, "numpy": np.__version__}), flush=True)
    for line in sys.stdin:
        command, radii, *rest = line.split()
        if command == "grid":
            np.save(folder / "grid.npy", molecules[radii].grid(int(rest[0])))
            answer = {"saved": "grid.npy"}
        else:
            start = time.perf_counter()
            getattr(molecules[radii], command)()
            answer = {"seconds": time.perf_counter() - start}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
