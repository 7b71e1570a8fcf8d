"""Blind changes of bytes and of text, and changes of text that mean nothing, of which the value must not depend."""

from __future__ import annotations

import gzip
import random
import re

WORDS = (
    *(
        "nan",
        "inf",
        "-inf",
        "1e400",
        "1e-400",
        "1E5",
        "-1.2e-05",
        "1.2D-05",
        "0.36124-109",
        "-0",
        "0",
        "1",
        "-1",
        "99",
        "1.0",
    ),
    *(
        "1,16",
        "12_560",
        "0x10",
        "1.5abc",
        "--1",
        "+",
        ".",
        "9" * 30,
        "1" * 400,
        "٣",
        "１２",
        "1e200",
        "999999999",
        "-2147483649",
    ),
    *(
        "'",
        '"',
        "?",
        "*",
        "********",
        "\x00",
        "é",
        "Å",
        "\ufeff",
        "null",
        "true",
        "[]",
        "{}",
        "=1+1",
        "C",
        "Xx",
        "CL",
        "Du",
    ),
)
NUMBER = re.compile(r"[-+]?[0-9][-+0-9.eE]*")
WORD = re.compile(r"[^\s,;{}\[\]\"]+")


def blind(rng: random.Random, data: bytes) -> bytes:
    """Return bytes after one to three random changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(_BYTES if rng.random() < 0.4 or not data or b"\0" in data[:4096] else _TEXT)(rng, data)
    return data


def _flip(rng: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _set(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + bytes([rng.choice((0, 9, 10, 13, 32, 44, 45, 46, 48, 127, 128, 233, 255))]) + data[at + 1 :]


def _insert(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice((1, 1, 2, 8))) + data[at:]


def _delete(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + rng.choice((1, 1, 2, 4, 30)) :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    part = data[at : at + rng.choice((1, 4, 80, 400))]
    return data[:at] + part * rng.choice((2, 2, 3, 20)) + data[at + len(part) :]


def _integer(rng: random.Random, data: bytes) -> bytes:
    """Put a number of 32 bits at a place that is a multiple of four, as headers have them."""
    at = 4 * rng.randrange(max(1, min(len(data), 1024) // 4))
    value = rng.choice((0, 1, 2, -1, 3, 7, 90, 255, 401, 2**31 - 1, -(2**31), 0x7FC00000, 0x7F800000, 1 << 20))
    return data[:at] + value.to_bytes(4, "little", signed=True) + data[at + 4 :]


def _line(change: str):  # type: ignore[no-untyped-def]
    def apply(rng: random.Random, data: bytes) -> bytes:
        lines = data.split(b"\n")
        i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
        if change == "remove":
            del lines[i]
        elif change == "repeat":
            lines.insert(j, lines[i])
        else:
            lines[i], lines[j] = lines[j], lines[i]
        return b"\n".join(lines)

    return apply


def _word(pattern: re.Pattern[str]):  # type: ignore[no-untyped-def]
    def apply(rng: random.Random, data: bytes) -> bytes:
        text = data.decode("latin-1")
        found = list(pattern.finditer(text))
        if not found:
            return data
        one = rng.choice(found)
        word = rng.choice(WORDS).encode("utf-8").decode("latin-1")
        if rng.random() < 0.5:  # in columns of the same width
            word = word[: len(one[0])].rjust(len(one[0]))
        return (text[: one.start()] + word + text[one.end() :]).encode("latin-1")

    return apply


def _separators(rng: random.Random, data: bytes) -> bytes:
    old, new = rng.choice(
        ((b" ", b"\t"), (b",", b";"), (b".", b","), (b"\n", b"\r"), (b",", b",,"), (b" ", b""), (b'"', b""))
    )
    return data.replace(old, new, rng.choice((1, -1)))


_BYTES = (_flip, _set, _insert, _delete, _cut, _repeat, _integer)
_TEXT = (_word(NUMBER), _word(WORD), _line("remove"), _line("repeat"), _line("swap"), _separators, _cut, _set, _insert)


def packed(rng: random.Random, data: bytes) -> bytes:
    """Return a gzip archive."""
    return gzip.compress(data, rng.choice((1, 9)), mtime=0)


def meaningless(rng: random.Random, text: str) -> bytes:
    """Return a text in another form of the same meaning: ends of lines, mark of UTF-8, blank end."""
    change = rng.randrange(4)
    if change == 0:
        return text.replace("\n", "\r\n").encode()
    if change == 1:
        return b"\xef\xbb\xbf" + text.encode()
    return (text + ("\n" if change == 2 else "")).encode()
