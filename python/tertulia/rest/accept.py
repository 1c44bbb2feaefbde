"""The Accept header (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence


def accepts_json(accept: Sequence[str]) -> bool:
    """Whether the Accept headers of a request allow application/json. The most specific range decides."""
    header = ",".join(accept)
    if not header.strip():
        return True
    found: dict[str, bool] = {}
    for item in header.lower().split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        found[kind] = not any(_is_zero(p) for p in parameters)
    return next((found[k] for k in ("application/json", "application/*", "*/*") if k in found), False)


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip() in ("0", "0.", "0.0", "0.00", "0.000")
