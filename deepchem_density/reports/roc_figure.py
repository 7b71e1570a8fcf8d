"""How well probabilities tell two classes: the receiver operating characteristic on the test set."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from deepchem_density.curves.cells import Cell
from deepchem_density.reports.figures import STYLE, square_panels

__all__ = ["roc_figure"]


def roc_figure(cells: Sequence[Cell], targets: Sequence[str]) -> Figure:
    """Draw true positive against false positive rate: a panel for each target of each cell.

    A target whose test molecules are of one class has an empty panel that says so.
    """
    with mpl.rc_context(STYLE):
        figure, panels = square_panels(len(cells), len(targets))
        for axes, cell in zip(panels, cells, strict=True):
            network = [row for row in cell.rows if row["model"] == "network"]
            for t, (axis, row) in enumerate(zip(axes, network, strict=True)):
                known = np.isfinite(cell.truth[:, t])
                truth, probability = cell.truth[known, t], cell.predicted[known, t]
                axis.plot([0, 1], [0, 1], color="0.5", linewidth=1, linestyle=":")
                if np.isfinite(row["roc_auc"]):
                    false, true, _ = roc_curve(truth, probability)
                    axis.plot(false, true, label=f"ROC-AUC {row['roc_auc']:.3f}")
                    axis.legend(loc="lower right", frameon=False)
                else:
                    axis.text(0.5, 0.5, "one class alone in the test set", ha="center")
                counts = f"{int(truth.sum())} of {len(truth)} are 1"
                axis.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
                axis.set_title(f"{row['target']}: {cell.name}\n{counts}", fontsize=9)
    return figure
