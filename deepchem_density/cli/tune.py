"""``deepchem-density tune``: a fair search for the best settings of one representation."""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepchem_density.cli.describe import describe
from deepchem_density.cli.options import (
    RunSettings,
    add_settings,
    add_tracking,
    asked_for,
    config_from,
    engine_of,
    values_of,
)
from deepchem_density.curves.settings import CurveSettings
from deepchem_density.settings import setting
from deepchem_density.tuning.plan import SearchSettings

if TYPE_CHECKING:
    from deepchem_density.tuning.plan import SearchPlan
    from deepchem_density.tuning.search import Best

__all__ = ["TuneRun", "add_to", "plan_of", "run"]


@dataclass
class BestSettings:
    """Best settings."""

    params: str = setting("", "file to write them to, with {rep} in its name for the representation")


@dataclass
class TuneRun(RunSettings, BestSettings, SearchSettings, CurveSettings):
    """The options of the command."""


def add_to(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "tune",
        usage="deepchem-density tune [options]",
        help="search for the best settings of a representation, on training molecules only",
        description="What is given stays fixed, the other settings of network and voxels are tuned, starting from the defaults. "
        "After a kill, start the same command again.",
        epilog="Example: deepchem-density tune --rep density --n-trials 20 --params runs/best-{rep}.json",
    )
    parser.set_defaults(command=run)
    add_settings(parser, TuneRun, without=("fractions", "seeds"))
    add_tracking(parser)


def run(options: argparse.Namespace) -> int:
    """Search, and leave the best settings in a file for ``curve --params``."""
    here, config, plan = values_of(options, RunSettings), config_from(asked_for(options)), plan_of(options)
    plan.check()
    config.check()
    if here.dry_run:
        describe([config], here, plan)
        return 0
    from deepchem_density.tuning.search import tune
    from deepchem_density.tuning.tracking import NoTrialTracker, PrintedTrials, TrialTracker

    path = values_of(options, BestSettings).params.replace("{rep}", config.rep)
    with contextlib.ExitStack() as stack:
        tracker = NoTrialTracker()
        if options.track:
            tracker = TrialTracker()
            data = f"{', '.join(config.targets)} of {config.dataset}"
            name = f"search for {config.label}: {data}, {plan.n_trials} trials, seed {plan.seed}"
            stack.enter_context(tracker.run([config], name))
            tracker.plan(plan)
        n_jobs, log = None if here.scheduler else here.n_jobs, PrintedTrials(tracker)
        with engine_of(here) as engine:
            best = tune(config, plan, Path(here.out), n_jobs, log, path, engine)
        files = _write_report(best, Path(here.out))
        tracker.best(best, files)
    _print(best)
    print(f"Report: {files[0]} and, in one file, {files[1]}")
    return 0


def plan_of(options: argparse.Namespace) -> SearchPlan:
    """Return how to search; what was given of a curve is not tuned."""
    from deepchem_density.tuning.plan import SearchPlan

    return SearchPlan(**asked_for(options, SearchSettings), fixed=tuple(sorted(asked_for(options))))


def _write_report(best: Best, out: Path) -> list[Path]:
    """Write how the search went, beside its journal."""
    from deepchem_density.reports.search_report import write_search_report
    from deepchem_density.reports.shown import in_words
    from deepchem_density.tuning.params_file import read_provenance

    made = read_provenance(best.path)
    shown = ("dataset", "targets", "n_train", "fraction", "inner_seeds", "valid_share", "steps", "epochs", "seed")
    about = {name: made[name] for name in (*shown, "pruner", "sampler", "metric", "states", "fixed")}
    title = f"{', '.join(made['targets'])}: settings for {in_words(best.params['rep'])}"
    return write_search_report(
        out / "tuning" / f"{best.study}-report", title, best.trials, best.importances, best.params, about
    )


def _print(best: Best) -> None:
    states = [trial["state"] for trial in best.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    print(f"\n{len(states)} trials ({counts}); validation error, a constant being 1:")
    print(f"  defaults {best.first_error:.4g}, best {best.error:.4g}")
    for name, value in best.params.items():
        print(f"  {name} = {value}")
    print(f"Best settings, for curve --params: {best.path}")
