"""How a search is made: the settings that all representations share."""

from __future__ import annotations

from dataclasses import dataclass, field

from deepchem_density.settings import Frozen, check_settings, documented, setting

__all__ = ["SAMPLER", "SearchPlan", "SearchSettings"]

SAMPLER: dict[str, int | bool] = {
    "n_startup_trials": 6,
    "n_ei_candidates": 24,
    "multivariate": True,
    "group": False,
    "constant_liar": False,
}
"""Options of Optuna's TPESampler, which draws the points: all that matter, so that no later default changes a search.

The startup trials are points drawn at random before a model of the errors guides the search, and trials before any is pruned.
What other workers are trying at the same time is not looked at (no constant liar): what a killed worker left cannot matter.
"""


@dataclass(eq=False, repr=False)
class SearchSettings:
    """Search."""

    n_trials: int = setting(10, "trials of the study", least=1)
    fraction: float = setting(1.0, "part of the training molecules", above=0, most=1)
    inner_seeds: tuple[int, ...] = setting(
        (0,),
        "a trial trains once for each and takes the mean error: each cuts its own validation set and draws its own weights",
        seed=True,
    )
    valid_share: float = setting(0.2, "part of those molecules to measure errors on", above=0, most=0.9)
    seed: int = setting(0, "of the points drawn; the same for all representations that are to be compared", seed=True)
    pruner: str = setting("median", "what stops poor trials", choices=("median", "hyperband", "none"))
    at_once: int = setting(
        2,
        "trials at once at the most; each is drawn from all results but those of the last so many, whoever works and how fast",
        least=1,
        since=1,
    )
    storage: str = setting("", "URL of a database or path of a journal; a journal in the output folder where empty")


@documented
@dataclass(unsafe_hash=True)
class SearchPlan(Frozen, SearchSettings):
    """How to search.

    Parameters
    ----------
    {settings}
    fixed : tuple of str
        Settings that are not tuned.
    """

    fixed: tuple[str, ...] = field(default=())

    def check(self) -> None:
        """Refuse what cannot run.

        Raises
        ------
        ValueError
            Naming the setting, what arrived and what is accepted.
        """
        check_settings(self)
        if not len(set(self.inner_seeds)) == len(self.inner_seeds) > 0:
            raise ValueError(f"inner_seeds={self.inner_seeds!r} arrived; different whole numbers are accepted.")
