"""Copies past the cache, for arrays larger than it: a write that the cache takes part in first reads what it replaces.

Of 30 MB that are written once, non-temporal stores take a third of the time of ordinary ones; of what fits into the cache and is
read again at once, they take longer.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from deepchem_density.fields.compiled import compiled

__all__ = ["LARGER_THAN_CACHE", "finish_streams", "stream"]

LARGER_THAN_CACHE = 1 << 23
"""Bytes from which arrays are taken not to stay in the cache until they are read again."""

VECTOR = 32
"""Bytes of one store."""


@compiled()
def stream(target: Any, start: int, source: Any) -> None:
    """Copy all of source to target[start:], both one-dimensional and contiguous and of one type; then call `finish_streams`."""
    n, lanes = source.size, VECTOR // target.itemsize
    head = min(n, -(target.ctypes.data // target.itemsize + start) % lanes)
    body = head + (n - head) // lanes * lanes
    target[start : start + head] = source[:head]
    for i in range(head, body, lanes):
        _store_vector(target, start + i, source, i)
    target[start + body : start + n] = source[body:]


@intrinsic
def finish_streams(typing_context: Any) -> Any:
    """Wait until all that was streamed can be seen by every thread."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def _store_vector(typing_context: Any, target: Any, i: Any, source: Any, j: Any) -> Any:
    """Store ``VECTOR`` bytes of source[j:] to target[i:], which are aligned to as many, without the cache."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = context.get_data_type(target.dtype)
        size = target.dtype.bitwidth // 8
        pointer = ir.VectorType(element, VECTOR // size).as_pointer()

        def address(kind: Any, array: Any, index: Any) -> Any:
            data = context.make_array(kind)(context, builder, array).data
            return builder.bitcast(builder.gep(data, [index]), pointer)

        vector = builder.load(address(source, *arguments[2:]), align=size)
        store = builder.store(vector, address(target, *arguments[:2]), align=VECTOR)
        store.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))
        return context.get_dummy_value()

    return types.void(target, i, source, j), generate
