from __future__ import annotations

from html_reader import Reader
from matplotlib.image import imread

from deepchem_density.reports.search_report import history_figure, importance_figure, write_search_report


def trial(point, error, state="complete", last=None):
    settings = {"learning_rate": 1e-3 * (point + 1), "widths": (4, 8)}
    return {"point": point, "state": state, "error": error, "last": last, "settings": settings}


TRIALS = [trial(0, 0.9), trial(1, 1.2), trial(2, None, "pruned", 1.5), trial(3, 0.7), trial(4, 0.8)]
ABOUT = {"sampler": {"name": "TPE", "multivariate": True}, "pruner": "median"}


def test_the_history_shows_each_trial_and_the_best_so_far():
    (axis,) = history_figure(TRIALS).axes
    complete, stopped, best = axis.lines
    assert list(complete.get_xdata()) == [0, 1, 3, 4]
    assert list(best.get_ydata()) == [0.9, 0.9, 0.7, 0.7]
    assert (list(stopped.get_xdata()), list(stopped.get_ydata())) == ([2], [1.5])


def test_the_most_important_setting_is_on_top():
    (axis,) = importance_figure({"depth": 0.1, "learning_rate": 0.9}).axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["depth", "learning_rate"]
    assert [bar.get_width() for bar in axis.patches] == [0.1, 0.9]


def test_the_report_has_history_importance_best_settings_and_the_sampler(tmp_path):
    importances = {"learning_rate": 0.9, "widths": 0.1}
    files = write_search_report(tmp_path, "a title", TRIALS, importances, {"learning_rate": 0.004}, ABOUT)
    assert [path.name for path in files] == ["report.md", "report.html", "history.png", "importance.png"]
    text = files[0].read_text(encoding="utf-8")
    assert "| 2 | pruned | – | 0.003 | 4 8 |" in text
    assert "| learning\\_rate | 90% |" in text
    assert "fANOVA on 4 complete trials" in text
    assert "name TPE, multivariate True" in text
    assert all(imread(path).shape[0] > 100 for path in files[2:])
    assert len(Reader(files[1].read_text(encoding="utf-8")).of("img")) == 2


def test_too_few_trials_tell_no_importance(tmp_path):
    files = write_search_report(tmp_path, "a title", TRIALS[:2], {}, {}, ABOUT)
    assert [path.name for path in files] == ["report.md", "report.html", "history.png"]
    assert "Too few complete trials, 2," in files[0].read_text(encoding="utf-8")
