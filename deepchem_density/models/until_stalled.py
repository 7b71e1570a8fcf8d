"""Training until the validation loss stops falling: hold the rate, watch averaged weights, then cool down once."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from deepchem_density.files import copy_file
from deepchem_density.models import checkpoints
from deepchem_density.progress import progress_of

__all__ = ["Trained", "UntilStalled", "held_state", "round_length", "train_in_rounds", "warming_steps"]

logger = logging.getLogger(__name__)
PROGRESS = 0.01
"""Part by which the validation loss must fall within the patience."""
COOLING = 0.25
"""Steps of the anneal, in units of those before it."""
WARMING = 200
"""Steps until the rate is at its peak, or a tenth of the cap where that is fewer."""
SHORTEST_ROUND, LONGEST_ROUND = 100, 500
"""Steps from one look at the validation set to the next: an epoch, within these bounds."""
DECAY = 0.995
"""Of the averaged weights in a step: they remember some 200."""


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Parameters
    ----------
    steps : int
        Gradient steps in all.
    held : int
        Those before the anneal.
    capped : bool
        Whether the cap ended it while the validation loss was still falling.
    train_loss, validation_loss : float
        Of the last round, and of the weights that are kept.
    seconds_before : float
        That it had taken before it was stopped and went on; 0 where it was not.
    """

    steps: int
    held: int
    capped: bool
    train_loss: float
    validation_loss: float
    seconds_before: float


def round_length(steps_per_epoch: int) -> int:
    """Return the steps from one look at the validation set to the next."""
    return min(max(steps_per_epoch, SHORTEST_ROUND), LONGEST_ROUND)


def warming_steps(cap: int) -> int:
    """Return the steps until the rate is at its peak."""
    return max(1, min(WARMING, cap // 10))


def held_state(state: str | os.PathLike[str]) -> Path:
    """Return the file beside a course's state that keeps how it was before a cap began to cool it down."""
    path = Path(state)
    return path.with_name(f"{path.stem}-held{path.suffix}")


class UntilStalled:
    """The course of a training whose end the validation loss decides.

    The rate is held. After each round an exponential average of the weights [1]_, which stands for what an anneal from here would
    give and fluctuates less than the weights do, is tried on the validation set. Once its lowest loss has fallen by less
    than 1 % within `patience` rounds, the rate goes down to zero on a line, over a quarter of the steps so far. Whichever is
    better, the annealed weights or the best average, is kept.

    Parameters
    ----------
    network : torch.nn.Module
        In training.
    optimizer : torch.optim.Optimizer
        Its optimizer, at the peak rate.
    steps_per_epoch : int
        Batches of the training set.
    patience : int
        Rounds, 1 or more.
    cap : int
        Most steps, the anneal among them; 1 or more.

    Attributes
    ----------
    step : int
        Steps so far.
    history : list of float
        Validation loss of the averaged weights after each round.
    seconds, seconds_before : float
        That training has taken, and had taken when it was last read from a file.

    References
    ----------
    .. [1] B. Polyak, A. Juditsky, Acceleration of stochastic approximation by averaging, SIAM J. Control Optim. 30, 838 (1992).
    """

    def __init__(
        self, network: torch.nn.Module, optimizer: torch.optim.Optimizer, steps_per_epoch: int, patience: int, cap: int
    ) -> None:
        if patience < 1 or cap < 1:
            raise ValueError(f"patience={patience} and {cap} steps at most arrived; 1 or more of each are accepted.")
        self.network, self.optimizer = network, optimizer
        self.round = round_length(steps_per_epoch)
        self.patience, self.cap = patience, cap
        self.average = _average(network)
        self.peak = float(optimizer.param_groups[0]["lr"])
        self.step = 0
        self.history: list[float] = []
        self.cooling_from: int | None = None
        self.capped = False
        self.train_loss = math.nan
        self.seconds = self.seconds_before = 0.0
        self.best: dict[str, torch.Tensor] = {}
        self.set_rate()

    @property
    def end(self) -> int:
        """The step after which training is over, as far as it is known."""
        if self.cooling_from is None or self.capped:
            return self.cap
        return min(self.cap, self.cooling_from + max(1, round(COOLING * self.cooling_from)))

    @property
    def steps_to_go(self) -> int:
        """Steps of the next round; 0 where training is over."""
        until = self.end if self.cooling_from is not None else max(1, round(self.cap / (1 + COOLING)))
        return min(self.round, until - self.step)

    def set_rate(self) -> None:
        """Set the learning rate of the next step."""
        if self.cooling_from is None:
            factor = min(1.0, (self.step + 1) / warming_steps(self.cap))
        else:
            factor = max(0.0, (self.end - self.step) / (self.end - self.cooling_from + 1))
        for group in self.optimizer.param_groups:
            group["lr"] = self.peak * factor

    def after_step(self) -> None:
        """Count a step and average its weights."""
        self.step += 1
        self.average.update_parameters(self.network)
        self.set_rate()

    def judge(self, loss_of: Callable[[torch.nn.Module], float]) -> float:
        """Try the averaged weights after a round, decide whether to hold on, and return their loss.

        `loss_of` settles their batch normalization first: with the statistics of the weights the loss is too high, and uneven.
        """
        loss = loss_of(self.average.module)
        if not self.history or loss < min(self.history):
            self.best = {name: value.clone() for name, value in self.average.module.state_dict().items()}
        self.history.append(loss)
        if self.cooling_from is None:
            stalled = _stalled(self.history, self.patience)
            self.capped = not stalled and self.steps_to_go <= 0
            if stalled or self.capped:
                self.cooling_from = self.step
                self.set_rate()
        return loss

    def finish(self, loss_of: Callable[[torch.nn.Module], float], settle: Callable[[], object]) -> Trained:
        """Keep the annealed weights, which are settled, or the best average, and return what the training came to."""
        loss = loss_of(self.network)
        if self.best and min(self.history) < loss:
            annealed = {name: value.clone() for name, value in self.network.state_dict().items()}
            self.network.load_state_dict(self.best)
            settle()
            loss, of_annealed = loss_of(self.network), loss
            if of_annealed < loss:
                self.network.load_state_dict(annealed)
                loss = of_annealed
        held = self.cooling_from or self.step
        return Trained(self.step, held, self.capped, self.train_loss, loss, self.seconds_before)

    def write(self, path: Path) -> None:
        """Keep everything that goes on depends on in a file."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        state = {"plain": plain, "best": self.best, "average": self.average.state_dict()}
        checkpoints.write_state(
            path, {**state, "network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        )

    def read(self, path: Path, device: torch.device) -> bool:
        """Go on from a file; False, and everything as it was, where there is none that fits."""
        if not path.is_file():
            return False
        try:
            state = checkpoints.read_state(path, device)
            with checkpoints.naming(path, "is of another training"):
                plain = {name: state["plain"][name] for name in _PLAIN}
                checkpoints.require_weights(path, state["network"], self.network.state_dict(), {}, strict=True)
                self.average.load_state_dict(state["average"])
                self.optimizer.load_state_dict(state["optimizer"])
                self.network.load_state_dict(state["network"])
                self.best = dict(state["best"])
        except ValueError as error:
            logger.warning("A training begins anew: %s", error)
            self.average = _average(self.network)
            return False
        self.__dict__.update(plain)
        self.seconds_before = self.seconds
        self.set_rate()
        return True


def train_in_rounds(
    course: UntilStalled,
    one_round: Callable[[int], tuple[float, dict[str, float]]],
    loss_of: Callable[[torch.nn.Module], float],
    state: str | os.PathLike[str] | None = None,
    on_round: Callable[[int, dict[str, float]], object] | None = None,
    progress: bool = True,
) -> float:
    """Train round by round until a course is over, and return what the last round returned.

    Parameters
    ----------
    course : UntilStalled
        Decides.
    one_round : callable
        Trains so many steps; returns their average loss and their metrics.
    loss_of : callable
        Validation loss of averaged weights, whose normalization it settles first: what they inherit is that of the weights.
    state : path, optional
        File of the course after each round; where there is one, training goes on from there. When a cap ends the holding,
        the state of the round before stays in the file of `held_state`, from which a larger cap goes on as if it had been
        the cap from the start.
    on_round : callable, optional
        ``on_round(number, metrics)``, from 1.
    progress : bool
        Show how far it is; see `deepchem_density.progress`.
    """
    average = math.nan
    if state is not None:
        course.read(Path(state), next(course.network.parameters()).device)
    shown = progress and course.cap > 1
    with progress_of(None, course.cap, "training", "steps", leave=False, shown=shown, initial=course.step) as bar:
        while (steps := course.steps_to_go) > 0:
            started = time.perf_counter()
            average, metrics = one_round(steps)
            course.train_loss = metrics["train_loss"]
            metrics["validation_loss"] = course.judge(loss_of)
            course.seconds += time.perf_counter() - started
            if state is not None:
                if course.capped and course.cooling_from == course.step and Path(state).is_file():
                    copy_file(Path(state), held_state(state))
                course.write(Path(state))
            bar.total = course.end
            bar.update(steps)
            bar.set_postfix({name: f"{value:.3g}" for name, value in metrics.items()}, refresh=False)
            if on_round is not None:
                on_round(len(course.history), metrics)
    return average


_PLAIN = ("step", "history", "cooling_from", "capped", "train_loss", "seconds")


def _average(network: torch.nn.Module) -> AveragedModel:
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(DECAY))


def _stalled(history: Sequence[float], patience: int) -> bool:
    return len(history) > patience and min(history) > (1 - PROGRESS) * min(history[:-patience])
