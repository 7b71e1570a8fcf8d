"""StoredModel: a DeepChem model that is kept as tensors and plain JSON, and comes back unpickled, the same bit for bit."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepchem_density.models import checkpoints
from deepchem_density.models.learning_rates import follows_deepchem_schedule, start_rate
from deepchem_density.models.options import require_known
from deepchem_density.quiet import deepchem as dc

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["OF_NETWORK", "StoredModel"]

OF_NETWORK = (
    *("n_tasks", "n_channels", "mode", "n_classes", "widths", "depth"),
    *("stem_widths", "n_bins", "head_width", "dropout", "pooling", "binned_channels"),
)
_OF_TRAINING = ("loss", "batch_size", "weight_decay", "schedule", "augment", "clip_norm", "autocast", "seed")
SAVED = (*OF_NETWORK, *_OF_TRAINING, "learning_rate", "optimizer")


class StoredModel(dc.models.TorchModel):
    """What is kept of a `VoxelCNNModel`, and how it comes back."""

    _lr_schedule: Any
    _entropy: int
    _given_optimizer: Any
    _process: int

    def __del__(self) -> None:
        """Remove the folder that was made because no `model_dir` was given; a forked process leaves that of its parent.

        One that somebody else, like the system's cleaner, has removed before is no error.
        """
        if getattr(self, "model_dir_is_temp", False) and self._process == os.getpid():
            shutil.rmtree(self.model_dir, ignore_errors=True)

    def _reseed(self) -> None:
        """Draw order, turns and dropout of what comes from the seed and the steps so far: what goes on repeats nothing."""
        self._rng = np.random.default_rng([self._entropy, self._global_step])

    def save_checkpoint(self, max_checkpoints_to_keep: int = 5, model_dir: str | None = None) -> None:
        """Save a checkpoint, and beside it the constructor arguments as config.json; see TorchModel."""
        if max_checkpoints_to_keep == 0:
            return
        arguments = {name: checkpoints.describe(getattr(self, name)) for name in SAVED}
        arguments["optimizer"] = checkpoints.describe(self._given_optimizer)
        checkpoints.write_config(Path(model_dir or self.model_dir), arguments)
        with checkpoints.whole_checkpoint(Path(model_dir or self.model_dir)):
            super().save_checkpoint(max_checkpoints_to_keep, model_dir)

    def restore(self, checkpoint: str | None = None, model_dir: Any = None, strict: bool | None = True) -> None:
        """Load a checkpoint's weights, optimizer state and step, by default the newest in model_dir; see TorchModel.

        Only tensors and plain values are read, whatever the release of torch: nothing is unpickled.

        A checkpoint that is damaged, holds weights that are not finite or is of another network is a ValueError.
        """
        self._ensure_built()
        found = [checkpoint] if checkpoint else sorted(self.get_checkpoints(os.fspath(model_dir or self.model_dir)))
        if not found:
            raise ValueError(f"{model_dir or self.model_dir} holds no checkpoint: fit the model or save one first.")
        settings = {name: checkpoints.describe(getattr(self, name)) for name in OF_NETWORK}
        path, optimizer = Path(found[0]), self._pytorch_optimizer
        self._global_step = checkpoints.load(path, self.device, self.model, optimizer, settings, bool(strict))
        if not follows_deepchem_schedule(self):
            self._lr_schedule = start_rate(self._pytorch_optimizer, self.optimizer.learning_rate, "constant")
        self._reseed()

    @classmethod
    def from_dir(cls, model_dir: str | os.PathLike[str], **changed: Any) -> Self:
        """Rebuild a model from its config.json and newest checkpoint: its predictions are the same, bit for bit.

        Parameters
        ----------
        model_dir : str
            The folder the model saved to.
        **changed
            Constructor arguments to use instead of the saved ones; device and logging are never saved.

        Raises
        ------
        FileNotFoundError, ValueError
            If the folder holds no model, or one that is damaged; the message names the file.
        """
        require_known(set(changed) - set(SAVED))
        arguments = checkpoints.read_config(Path(model_dir), SAVED)
        with checkpoints.naming(Path(model_dir) / checkpoints.CONFIG_FILE, "does not describe a model of this release"):
            for name in {"learning_rate", "optimizer"} - set(changed):
                arguments[name] = checkpoints.rebuild(arguments.get(name), dc.models.optimizers)
            model = cls(model_dir=model_dir, **(arguments | changed))
            model._ensure_built()
        model.restore()
        return model
