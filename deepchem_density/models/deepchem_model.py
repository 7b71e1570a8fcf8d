"""VoxelCNNModel: VoxelCNN as a DeepChem model, with training that repeats and checkpoints that reload unpickled."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from deepchem_density.models.batches import (
    even_size,
    label_arrays,
    label_scale,
    some_batches,
    turn_each,
    voxel_tensor,
    with_numpy_stream,
)
from deepchem_density.models.learning_rates import follows_deepchem_schedule, start_schedule
from deepchem_density.models.options import make_loss, require_options, require_size
from deepchem_density.models.settled_statistics import Settler
from deepchem_density.models.stored_model import OF_NETWORK, StoredModel
from deepchem_density.models.training_run import (
    ClippedOptimizer,
    EpochMonitor,
    bfloat16_is_fast,
    evaluating,
    mean_loss,
    run_length,
    torch_stream,
)
from deepchem_density.models.until_stalled import Trained, UntilStalled, train_in_rounds
from deepchem_density.models.voxel_cnn import VoxelCNN
from deepchem_density.quiet import deepchem as dc

__all__ = ["VoxelCNNModel"]

_Tensors = list[torch.Tensor]


class VoxelCNNModel(StoredModel):
    """A 3-D convolutional network on voxels for regression or classification, trained and used like any DeepChem model.

    Parameters
    ----------
    n_tasks, n_channels : int
        Label columns; length of the voxels' last axis (``featurizer.n_channels``).
    mode : {"regression", "classification"}
        Regression predicts (samples, n_tasks) in the labels' units, classification (samples, n_tasks, n_classes)
        probabilities.
    widths, depth, stem_widths, n_bins, head_width, dropout, pooling, n_classes, binned_channels
        The network, see `VoxelCNN`.
    loss : {"l1", "l2", "huber"}, optional
        Of regression, in standard deviations of the training labels; l1 by default. Classification has "cross_entropy".
    batch_size : int
        Largest number of samples per step. An epoch's batches are made as equal as possible and never padded.
    learning_rate : float or LearningRateSchedule
        Peak learning rate; a DeepChem schedule is followed instead of `schedule`.
    optimizer : dc.models.optimizers.Optimizer, optional
        In place of AdamW; `learning_rate` and `weight_decay` are then its own.
    weight_decay : float
        Of AdamW.
    schedule : {"onecycle", "constant"}
        With "onecycle" each `fit` warms up and anneals once over its own number of steps.
    augment : bool
        Show every training sample in one of the cube's 24 orientations, drawn anew each time. Exact; cubic grids only.
    clip_norm : float, optional
        Largest norm of the gradient; None leaves it alone.
    autocast : {"auto", True, False}
        Train the convolutions in bfloat16; "auto" where hardware has it. Prediction is float32.
    seed : int, optional
        Of weights, order, dropout and turns: equal seeds give equal runs. None draws one from NumPy's global generator.
    model_dir : str, optional
        Where checkpoints go; a temporary folder by default.
    **kwargs
        device, log_frequency, regularization_loss, tensorboard, wandb, wandb_logger, as in TorchModel.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or unknown, or if a dataset's arrays do not fit.

    Notes
    -----
    The first `fit` stores mean and deviation of the training labels in the network: the loss is free of units,
    predictions are in the labels' own. After `dc.trans.NormalizationTransformer` they are 0 and 1, and nothing changes.
    `fit_generator` called directly trains without this scaling and at a constant rate.

    Examples
    --------
    >>> dataset = dc.data.NumpyDataset(np.random.rand(6, 8, 8, 8, 2), np.arange(6.0))
    >>> model = VoxelCNNModel(n_tasks=1, n_channels=2, seed=0)
    >>> loss = model.fit(dataset, nb_epoch=2)
    >>> model.predict(dataset).shape
    (6, 1)
    """

    trained_: Trained
    _settler: Settler | None = None  # while it trains, when it is looked at all the same

    def __init__(
        self,
        n_tasks: int = 1,
        n_channels: int = 1,
        mode: str = "regression",
        widths: Sequence[int] = (16, 32, 64, 128),
        depth: int = 1,
        stem_widths: Sequence[int] = (),
        n_bins: int | None = None,
        head_width: int = 128,
        dropout: float = 0.0,
        pooling: str = "mean",
        n_classes: int = 2,
        loss: str | None = None,
        batch_size: int = 32,
        learning_rate: Any = 3e-3,
        optimizer: Any = None,
        weight_decay: float = 0.01,
        schedule: str = "onecycle",
        augment: bool = True,
        clip_norm: float | None = 1.0,
        autocast: str | bool = "auto",
        seed: int | None = None,
        model_dir: str | os.PathLike[str] | None = None,
        binned_channels: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        self.n_tasks, self.n_channels, self.mode, self.n_classes = n_tasks, n_channels, mode, n_classes
        self.widths, self.stem_widths = tuple(widths), tuple(stem_widths)
        self.depth, self.n_bins, self.head_width = depth, n_bins, head_width
        self.binned_channels = None if binned_channels is None else tuple(binned_channels)
        self.dropout, self.pooling, self.weight_decay, self.schedule = dropout, pooling, weight_decay, schedule
        self.augment, self.clip_norm, self.autocast, self.seed = augment, clip_norm, autocast, seed
        require_options(mode, loss, schedule, autocast, batch_size, kwargs)
        require_size(n_tasks, n_channels, n_classes, self.widths, depth, self.stem_widths, n_bins, head_width)
        # The legacy generator on purpose: after np.random.seed a run without `seed` repeats, as in DeepChem.
        self._entropy = int(np.random.randint(2**31)) if seed is None else seed  # noqa: NPY002
        self._rng = np.random.default_rng(self._entropy)
        with torch_stream(self._draw_seed(), torch.device("cpu")):
            network = VoxelCNN(**{name: getattr(self, name) for name in OF_NETWORK})
        self._class_limit = n_classes if mode == "classification" else None
        self._given_optimizer = optimizer
        self._process = os.getpid()
        inner = optimizer or dc.models.optimizers.AdamW(learning_rate=learning_rate, weight_decay=weight_decay)
        super().__init__(
            network,
            loss=make_loss(mode, loss),
            output_types=["prediction", "loss"],
            batch_size=batch_size,
            model_dir=None if model_dir is None else os.fspath(model_dir),
            learning_rate=learning_rate,
            optimizer=ClippedOptimizer(inner, clip_norm),
            **kwargs,
        )
        self.loss = loss
        self.model.autocast = bfloat16_is_fast(self.device) if autocast == "auto" else bool(autocast)
        self.model.eval()

    def _draw_seed(self) -> int:
        return int(self._rng.integers(2**31))

    def default_generator(
        self,
        dataset: Any,
        epochs: int = 1,
        mode: str = "fit",
        deterministic: bool = True,
        pad_batches: bool = False,
    ) -> Iterable[tuple[list[Any], list[Any], list[Any]]]:
        """Iterate a dataset's batches; see TorchModel.

        `pad_batches` is ignored: padding scales a short batch's gradient down (5 samples in a batch of 64 count 5/64).
        """
        if len(dataset) == 0:
            raise ValueError("The dataset is empty: accepted is one sample or more. Check what the featurizer dropped.")
        size = self.batch_size
        done = getattr(self, "_global_step", 0)  # TorchModel sets it when it is built
        first = done // math.ceil(len(dataset) / size)  # a run that goes on turns molecules as it would have
        if mode == "fit":
            size = even_size(len(dataset), size)
        dataset = self._made_here(dataset)

        def batches() -> Iterator[tuple[list[Any], list[Any], list[Any]]]:
            for number in range(epochs):
                seen = dataset.of_epoch(first + number) if mode == "fit" and hasattr(dataset, "of_epoch") else dataset
                epoch = seen.iterbatches(batch_size=size, deterministic=deterministic, pad_batches=False)
                yield from (([voxels], [labels], [weights]) for voxels, labels, weights, _ in epoch)

        return with_numpy_stream(batches(), self._draw_seed()) if mode == "fit" else batches()

    def _prepare_batch(self, batch: tuple[Any, Any, Any]) -> tuple[_Tensors, _Tensors, _Tensors]:
        inputs, labels, weights = batch
        voxels = voxel_tensor(inputs[0], self.n_channels, self.device)
        if labels is None:
            return [voxels.float()], [], []
        if self.augment and self.model.training:
            voxels = turn_each(voxels, self._rng)
        weight = None if weights is None else weights[0]
        values, importance = label_arrays(labels[0], weight, self.n_tasks, self._class_limit)
        target = torch.as_tensor(values.astype(np.float32), device=self.device)
        if self.mode == "regression":
            target = (target - self.model.label_mean) / self.model.label_std
        return [voxels.float()], [target], [torch.as_tensor(importance.astype(np.float32), device=self.device)]

    def _scale_labels(self, dataset: Any) -> None:
        mean, std = label_scale(*label_arrays(dataset.y, dataset.w, self.n_tasks, self._class_limit))
        if self.mode == "regression" and not self.model.labels_seen:
            self.model.set_label_scale(mean, std)

    def fit(
        self,
        dataset: Any,
        nb_epoch: int | None = 10,
        max_checkpoints_to_keep: int = 5,
        checkpoint_interval: int = 1000,
        deterministic: bool = False,
        restore: bool = False,
        variables: list[torch.nn.Parameter] | None = None,
        loss: Callable[..., torch.Tensor] | None = None,
        callbacks: Any = (),
        all_losses: list[float] | None = None,
        *,
        max_steps: int | None = None,
        validation: Any = None,
        patience: int | None = None,
        state: str | os.PathLike[str] | None = None,
        on_epoch: Callable[[int, dict[str, float]], object] | None = None,
        progress: bool = True,
    ) -> float:
        """Train on a dataset and return the average loss of the most recent steps, as TorchModel.fit does.

        Parameters
        ----------
        dataset : dc.data.Dataset
            X (samples, x, y, z, n_channels), y (samples, n_tasks); w weighs each label, 0 marks a missing one.
        nb_epoch : int or None
            Epochs; None leaves the end to `max_steps`.
        max_checkpoints_to_keep, checkpoint_interval, deterministic, restore, variables, loss, callbacks, all_losses
            As in TorchModel.fit.
        max_steps : int, optional
            Stop after this many steps, within an epoch if need be.
        validation : dc.data.Dataset, optional
            Its loss is computed after each epoch.
        patience : int, optional
            Train until the validation loss has fallen by less than 1 % within so many looks at it, one after each epoch, but 100
            steps apart at the least and 500 at the most; then cool down (see `UntilStalled`). `nb_epoch` and `max_steps` are
            the cap, ``trained_`` says whether it bound. In place of `schedule`.
        state : str, optional
            With `patience`, a file that keeps the state of training after each look: the same call goes on from there, to the
            same end. Where the cap ends training, the state before the cool-down stays beside it (see `held_state`).
        on_epoch : callable, optional
            ``on_epoch(epoch, metrics)``: epochs, or looks, from 1; train_loss, learning_rate and, if it is known,
            validation_loss.
        progress : bool
            Show a bar on a terminal or in a notebook.
        """
        self._ensure_built()
        if restore:
            self.restore()
        self._scale_labels(dataset)
        epoch, total = run_length(len(dataset), self.batch_size, nb_epoch, max_steps)
        if patience is not None:
            self._require_validation(validation, patience)
        criterion = self._loss_fn if loss is None else loss
        loss_of = partial(self._mean_loss, validation, criterion)
        settler = Settler(partial(self._inputs, dataset))
        optimizer = start_schedule(self, variables, total, self.schedule if patience is None else "constant")
        keep, interval = max_checkpoints_to_keep, checkpoint_interval if patience is None else 0
        calls = [*callbacks] if isinstance(callbacks, Sequence) else [callbacks]

        def train(monitor: EpochMonitor, *others: Callable[..., object]) -> float:
            epochs = math.ceil(monitor.total_steps / epoch)
            batches = monitor.until_over(self.default_generator(dataset, epochs, deterministic=deterministic))
            each = [*calls, *others, monitor]
            with monitor:
                return self.fit_generator(batches, keep, interval, False, variables, monitor.loss, each, all_losses)

        with self._looked_at(settler):
            if patience is None:
                watch = None if validation is None else partial(loss_of, self.model)
                average = train(EpochMonitor(optimizer, criterion, epoch, total, watch, on_epoch, progress))
            else:
                course = UntilStalled(self.model, optimizer, epoch, patience, total)
                one_round = self._round_of(course, optimizer, criterion, train)
                average = train_in_rounds(course, one_round, loss_of, state, on_epoch, progress)
        if total > 0:
            settler.settle(self.model)
            if patience is not None:
                self.trained_ = course.finish(loss_of, partial(settler.settle, self.model))
            self.save_checkpoint(keep if checkpoint_interval > 0 else 0)
        return average

    def _round_of(
        self,
        course: UntilStalled,
        optimizer: torch.optim.Optimizer,
        criterion: Callable[..., torch.Tensor],
        train: Callable[..., float],
    ) -> Callable[[int], tuple[float, dict[str, float]]]:
        """Return what trains so many steps of a course, and gives the average loss and the metrics of the round."""
        before = self._global_step

        def one_round(steps: int) -> tuple[float, dict[str, float]]:
            self._global_step = before + course.step  # after a state was read
            self._reseed()
            seen: dict[str, float] = {}
            monitor = EpochMonitor(optimizer, criterion, steps, steps, None, lambda _, about: seen.update(about), False)
            return train(monitor, lambda *_: course.after_step()), seen

        return one_round

    def _require_validation(self, validation: Any, patience: int) -> None:
        if validation is None or follows_deepchem_schedule(self):
            raise ValueError(
                f"patience={patience} arrived with validation={validation!r} and "
                f"learning_rate={self.optimizer.learning_rate!r}; a dataset as validation and a number as rate are accepted: "
                "pass validation=, or leave patience out."
            )

    def _made_here(self, dataset: Any) -> Any:
        """Return a dataset that makes its voxels where the network is, if it can."""
        return dataset.on(self.device) if self.device.type != "cpu" and hasattr(dataset, "on") else dataset

    @contextmanager
    def _looked_at(self, settler: Settler) -> Iterator[None]:
        """Train; whoever looks at the network meanwhile sees it settled."""
        self._settler = settler
        try:
            yield
        finally:
            self._settler = None

    def _settle_to_look(self, network: torch.nn.Module) -> None:
        if self._settler is not None:
            self._settler.settle_to_look(network, self._global_step)

    def _inputs(self, dataset: Any, samples: int) -> Iterator[torch.Tensor]:
        drawn = some_batches(self._made_here(dataset), self.batch_size, samples)
        return (voxel_tensor(x, self.n_channels, self.device).float() for x in drawn)

    def fit_generator(self, *args: Any, **kwargs: Any) -> float:
        """Train on the batches of a generator; see TorchModel.fit_generator."""
        try:
            with torch_stream(self._draw_seed(), self.device), warnings.catch_warnings():
                # TorchModel adds up losses that still require gradients.
                warnings.filterwarnings("ignore", message="Converting a tensor with requires_grad=True to a scalar")
                return super().fit_generator(*args, **kwargs)
        finally:
            self.model.eval()

    def _mean_loss(self, dataset: Any, criterion: Callable[..., torch.Tensor], network: torch.nn.Module) -> float:
        self._settle_to_look(network)
        batches = self.default_generator(dataset, mode="predict")
        return mean_loss(network, map(self._prepare_batch, batches), criterion)

    def _predict(self, *args: Any, **kwargs: Any) -> Any:
        # TorchModel leaves the network in evaluation mode: a callback that predicts would switch dropout off for good.
        with evaluating(self.model):
            self._settle_to_look(self.model)
            return super()._predict(*args, **kwargs)

    def predict_uncertainty(self, dataset: Any, masks: int = 50) -> tuple[np.ndarray, np.ndarray]:
        """Predict mean and standard deviation over random dropout masks, each shaped as `predict` gives it [1]_.

        Parameters
        ----------
        dataset : dc.data.Dataset
            What to predict.
        masks : int
            Number of dropout masks, at least 2.

        Notes
        -----
        Dropout sits in the perceptron: the deviation speaks of that part alone, and not of noise in the labels.

        References
        ----------
        .. [1] Y. Gal, Z. Ghahramani, Dropout as a Bayesian approximation, arXiv:1506.02142 (2016).
        """
        if not self.dropout > 0 or masks < 2:
            raise ValueError(
                f"The model cannot compute uncertainties: got dropout={self.dropout} and masks={masks}; accepted are a "
                "dropout above 0 and 2 masks or more. Build and train the model with, say, dropout=0.1."
            )
        results = []
        with evaluating(self.model), torch_stream(self._draw_seed(), self.device):
            for batch in self.default_generator(dataset, mode="uncertainty"):
                (voxels,), _, _ = self._prepare_batch((batch[0], None, None))
                drawn = self.model.draw(voxels, masks).cpu().numpy().astype(np.float64)
                results.append((drawn.mean(axis=0), drawn.std(axis=0)))
        mean, std = (np.concatenate(parts).astype(np.float32) for parts in zip(*results, strict=True))
        return mean, std
