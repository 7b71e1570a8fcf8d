"""Settings of the process that trains."""

from __future__ import annotations

import sys

__all__ = ["prepare_process"]

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # from malloc.h


def prepare_process(threads: int) -> None:
    """Fix the number of threads of training, and keep freed memory for the next step."""
    import torch

    torch.set_num_threads(threads)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Ask glibc to reuse large blocks: a training step otherwise spends up to half its time on fresh pages of memory."""
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):  # glibc; musl has none
            libc.mallopt(M_MMAP_MAX, 0)
            libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
