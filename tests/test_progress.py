from __future__ import annotations

import io
import re
from contextlib import redirect_stderr

import pytest

from deepchem_density import progress
from deepchem_density.progress import duration, progress_of, silence_progress, telling_now_and_then


class Clock:
    """A clock that a test turns."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def log(monkeypatch):
    monkeypatch.setattr(progress, "_silent", False)
    return io.StringIO()


def slow(log, n, clock, seconds, **settings):
    """Count n pieces of work, each of so many seconds of a clock that stands still else."""
    with redirect_stderr(log), progress_of(total=n, **settings) as bar:
        bar._time = clock
        bar.start_t = bar.last_print_t = clock.now
        for _ in range(n):
            clock.now += seconds
            bar.update()


def test_a_file_gets_a_line_a_minute_with_rate_and_remaining_time(log):
    slow(log, 1000, Clock(), 0.5, doing="solving", unit="molecules")
    lines = log.getvalue().splitlines()
    assert lines[0] == "solving: 120 of 1000 molecules (2/s, 7 min left)"
    assert lines[-1] == "solving: 960 of 1000 molecules (2/s, 20 s left)"
    assert len(lines) == 8
    assert "\r" not in log.getvalue()


def test_slow_pieces_are_told_as_seconds_each(log):
    slow(log, 3, Clock(), 70.0, doing="training")
    assert log.getvalue().splitlines()[0] == "training: 1 of 3 (70 s each, 2 min left)"


def test_what_takes_less_than_a_minute_leaves_no_line(log):
    slow(log, 10, Clock(), 1.0, doing="solving")
    with redirect_stderr(log):
        assert list(progress_of([1, 2, 3])) == [1, 2, 3]
    assert log.getvalue() == ""


def test_what_was_done_before_does_not_count_for_the_rate(log):
    slow(log, 100, Clock(), 1.0, doing="training", unit="steps", initial=40)
    assert log.getvalue().splitlines()[0] == "training: 100 of 100 steps (1/s, 0 ms left)"


def test_a_terminal_gets_a_bar(log):
    log.isatty = lambda: True
    slow(log, 3, Clock(), 2.0, doing="solving", unit="molecules")
    assert re.search(r"\rsolving: 100%.* 3/3 ", log.getvalue())


def test_work_of_less_than_five_seconds_shows_no_bar(log):
    log.isatty = lambda: True
    slow(log, 4, Clock(), 1.0, doing="solving", unit="molecules")
    with redirect_stderr(log):
        assert list(progress_of(range(3), doing="solving", unit="molecules")) == [0, 1, 2]
    assert log.getvalue() == ""


def test_nothing_is_shown_where_it_is_not_wanted(log):
    log.isatty = lambda: True
    with redirect_stderr(log):
        list(progress_of(range(3), shown=False))
        silence_progress()
        with progress_of(total=3) as bar:
            bar.update()
            bar.set_postfix_str("of a companion")
    assert log.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0123, "12 ms"), (4.2, "4 s"), (89, "89 s"), (600, "10 min"), (7200, "2.0 h")]
)
def test_durations_have_the_unit_that_suits_them(seconds, text):
    assert duration(seconds) == text


def test_lines_are_told_at_most_once_a_minute_and_not_at_once(log):
    clock = Clock()
    with redirect_stderr(log):
        tell = telling_now_and_then(clock)
        for second in range(150):
            tell(f"{second} s")
            clock.now += 1
    assert log.getvalue().splitlines() == ["60 s", "120 s"]
