"""``deepchem-density tune``: a fair search for the best settings of one representation."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepchem_density.cli.options import (
    add_curve_options,
    add_run_options,
    asked_for,
    config_from,
    or_default,
    tuple_of,
)
from deepchem_density.cli.processes import companions

if TYPE_CHECKING:
    from deepchem_density.curves.config import CurveConfig
    from deepchem_density.curves.tracking import RunAddress
    from deepchem_density.tuning.search import Best, SearchPlan

__all__ = ["OPTIONS", "add_to", "run"]

# Defaults are those of SearchPlan, repeated here so that --help needs no import; a test compares them.
OPTIONS: tuple[tuple[str, Any, Any, str], ...] = (
    ("--n-trials", int, 10, "trials of the study, whoever works on it"),
    ("--fraction", float, 1.0, "of the training molecules"),
    ("--inner-seeds", tuple_of(int), (0,), "a trial trains once for each, and takes the mean error"),
    ("--valid-share", float, 0.2, "of those molecules, to measure errors on"),
    ("--seed", int, 0, "of the points drawn; the same for all representations that are to be compared"),
    ("--pruner", str, "median", "what stops poor trials: median, hyperband or none"),
    ("--storage", str, "", "URL of a database, or path of a journal; a journal in the output folder where empty"),
)


def add_to(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "tune",
        help="search for the best settings of a representation, on training molecules only",
        description="What is given stays fixed, the other settings of network and voxels are tuned, starting from the defaults. "
        "Start the same command several times to share the work; after a kill, start it again.",
    )
    parser.set_defaults(command=run)
    add_curve_options(parser, without=("fractions", "seeds"))
    for flag, kind, default, text in OPTIONS:
        parser.add_argument(flag, type=or_default(kind, default), default=default, help=f"{text} (default: {default})")
    parser.add_argument(
        "--params", default="", help="file to write the best settings to, with {rep} in its name for the representation"
    )
    add_run_options(parser, 1, "run trials: which points are drawn then depends on who is faster")


def run(options: argparse.Namespace) -> int:
    """Search, and leave the best settings in a file for ``curve --params``."""
    config, plan = config_from(asked_for(options)), _plan(options)
    plan.check()
    config.check()
    from deepchem_density.cli.process_settings import prepare_process
    from deepchem_density.tuning.search import tune
    from deepchem_density.tuning.tracking import NoTrialTracker, PrintedTrials, TrialTracker

    prepare_process(options.threads)
    path = options.params.replace("{rep}", config.rep)
    with contextlib.ExitStack() as stack:
        tracker = NoTrialTracker()
        if options.track:
            tracker = TrialTracker()
            stack.enter_context(tracker.run([config]))
        shared = (config, plan, options.out, path, options.threads, tracker.address)
        with companions(options.workers, _tune_along, *shared):
            best = tune(config, plan, Path(options.out), options.n_jobs, PrintedTrials(tracker), path)
        tracker.best(best)
    _print(best)
    return 0


def _tune_along(
    config: CurveConfig, plan: SearchPlan, out: str, path: str, threads: int, address: RunAddress | None
) -> None:
    """Run trials of a search that nobody else runs, tracked as part of a run that another process has opened."""
    from deepchem_density.cli.process_settings import prepare_process
    from deepchem_density.tuning.search import tune
    from deepchem_density.tuning.tracking import NoTrialTracker, PrintedTrials, TrialTracker

    prepare_process(threads)
    tracker = NoTrialTracker() if address is None else TrialTracker.within(address)
    tune(config, plan, Path(out), log=PrintedTrials(tracker), path=path)


def _plan(options: argparse.Namespace) -> SearchPlan:
    from deepchem_density.tuning.search import SearchPlan

    names = [flag.lstrip("-").replace("-", "_") for flag, *_ in OPTIONS]
    return SearchPlan(**{name: getattr(options, name) for name in names}, fixed=tuple(sorted(asked_for(options))))


def _print(best: Best) -> None:
    states = [trial["state"] for trial in best.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    print(f"\n{len(states)} trials ({counts}); validation error, a constant being 1:")
    print(f"  defaults {best.first_error:.4g}, best {best.error:.4g}")
    for name, value in best.params.items():
        print(f"  {name} = {value}")
    print(f"Best settings, for curve --params: {best.path}")
