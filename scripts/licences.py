"""Whether a licence expression (SPDX) lets us ship what is under it, as part of software under Apache-2.0."""

from __future__ import annotations

import re

ALLOWED = frozenset(
    {
        "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT",
        "MIT-0", "MIT-CMU", "PSF-2.0", "Unicode-3.0", "Unlicense", "Zlib",
    }
)  # fmt: skip
_TOKEN = re.compile(r"\(|\)|\bAND\b|\bOR\b|[\w.+-]+(?: WITH [\w.+-]+)?")


def allowed(expression: str) -> bool:
    """True if what ``expression`` asks for can be met with licences that are allowed.

    AND binds closer than OR. Cargo's older ``MIT/Apache-2.0`` means OR. An expression that is malformed is not allowed.
    """
    tokens = _TOKEN.findall(expression.replace("/", " OR "))
    met, rest = _either(tokens)
    return met and not rest


def _either(tokens: list[str]) -> tuple[bool, list[str]]:
    met, rest = _both(tokens)
    while rest[:1] == ["OR"]:
        other, rest = _both(rest[1:])
        met = met or other
    return met, rest


def _both(tokens: list[str]) -> tuple[bool, list[str]]:
    met, rest = _one(tokens)
    while rest[:1] == ["AND"]:
        other, rest = _one(rest[1:])
        met = met and other
    return met, rest


def _one(tokens: list[str]) -> tuple[bool, list[str]]:
    if tokens[:1] != ["("]:
        return tokens[:1] != [] and tokens[0] in ALLOWED, tokens[1:]
    met, rest = _either(tokens[1:])
    return met and rest[:1] == [")"], rest[1:]
