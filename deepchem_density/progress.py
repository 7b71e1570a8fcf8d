"""How far long work is: a bar on a terminal, a widget in a notebook, a line every minute wherever else output goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from tqdm.auto import tqdm
from tqdm.std import tqdm as plain_tqdm

__all__ = ["duration", "progress_of", "silence_progress", "telling_now_and_then"]

SECONDS_BETWEEN_LINES = 60.0
SECONDS_WITHOUT_BAR = 5.0
"""What takes less needs no bar, which a notebook would keep."""
_silent = False


def progress_of(
    items: Iterable[Any] | None = None,
    total: int | None = None,
    doing: str = "",
    unit: str = "",
    leave: bool = True,
    shown: bool = True,
    initial: int = 0,
) -> Any:
    """Return items as they are, or a counter with ``update``, and show on standard error how far they are.

    Parameters
    ----------
    items : iterable, optional
        What is worked on.
    total : int, optional
        How many there are, where `items` does not know.
    doing, unit : str
        Of what is done, as "solving" and "molecules".
    leave : bool
        Whether a bar stays when the work is done.
    shown : bool
        Whether anything is shown at all.
    initial : int
        What was done before, which does not count for the rate.

    Returns
    -------
    tqdm
        Work of less than five seconds shows no bar, and of less than a minute leaves no line where there is no terminal.
    """
    if _silent or not shown:
        return plain_tqdm(items, total=total, disable=True, initial=initial)
    settings = {"total": total, "desc": doing, "unit": f" {unit}" if unit else "it", "leave": leave, "initial": initial}
    in_notebook = any(cls.__module__ == "tqdm.notebook" for cls in tqdm.__mro__)
    if in_notebook or sys.stderr.isatty():
        return tqdm(items, **settings, delay=SECONDS_WITHOUT_BAR)
    return _Lines(items, **settings)


def telling_now_and_then(clock: Callable[[], float] = time.monotonic) -> Callable[[str], None]:
    """Return a function that writes a line to standard error, at most one a minute, the first after a minute."""
    last = clock()

    def tell(line: str) -> None:
        nonlocal last
        if not _silent and clock() - last >= SECONDS_BETWEEN_LINES:
            last = clock()
            plain_tqdm.write(line, file=sys.stderr)

    return tell


def silence_progress() -> None:
    """Show nothing in this process from now on: of several that share work, one tells how far it is."""
    global _silent
    _silent = True


class _Lines(plain_tqdm):
    """A counter that writes a line now and then, and no carriage returns: for files, batch systems and logs."""

    def __init__(self, items: Iterable[Any] | None, **settings: Any) -> None:
        seconds = SECONDS_BETWEEN_LINES
        super().__init__(items, **settings | {"leave": False}, delay=seconds, mininterval=seconds, miniters=1)

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        """Write where the work is; an empty message, with which tqdm clears a bar, is nothing to write."""
        if msg is None:
            about = self.format_dict
            n, total, elapsed = about["n"], about["total"], about["elapsed"]
            rate = (n - self.initial) / elapsed if elapsed > 0 else 0.0
            self.fp.write(_line(n, total, rate, self.desc, self.unit, self.postfix))
            self.fp.flush()
        return False


def _line(n: int, total: int | None, rate: float, doing: str, unit: str, postfix: str | None) -> str:
    each = f"{rate:.3g}/s" if rate >= 1 or not rate else f"{duration(1 / rate)} each"
    left = f", {duration((total - n) / rate)} left" if total and rate else ""
    of = f" of {total}" if total else ""
    words = "" if unit == "it" else unit
    return f"{doing.removesuffix(': ')}: {n}{of}{words} ({each}{left}){f'; {postfix}' if postfix else ''}\n"


def duration(seconds: float) -> str:
    """Return a length of time in the unit that suits it."""
    if seconds < 1:
        return f"{1e3 * seconds:.0f} ms" if seconds >= 0.01 else f"{1e3 * seconds:.2g} ms"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
