"""The log: one line per event on standard error, JSON unless it goes to a terminal. Secrets are replaced by ``…``."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

_HIDDEN: Final = "…"
_SECRET: Final = re.compile(
    r"""
      (?<=://) [^/@\s:]*+ : [^/@\s]++ (?=@)             # the user and password of a URL
    | (?<=access_token=) [^&\s"']++
    | (?i:(?<=bearer\ )) [^\s"']++
    | \btk_[\w-]{8,}+                                   # an API key
    | (?<![\w-]) (?i:[2-9a-hjkmnp-z]{4}(?:-[2-9a-hjkmnp-z]{4}){2}) (?![\w-])   # the code of an invite
    | (?<![\w-]) (?>[\w-]*?eyJ[\w-]{5,}) \. [\w-]*+ (?:\.[\w-]*+)?   # a word with a JWT in it, cut off or whole
    """,
    re.VERBOSE,
)
"""Paths and queries of anyone's making are searched, so this takes linear time: no alternative goes back over what it
has read (possessive quantifiers, an atomic group), and none begins twice in one word."""
_SECRET_KEYS: Final = re.compile(r"token|secret|password|authorization|credential|^resume$|^sdp$", re.IGNORECASE)


def configure(level: str, form: str = "auto") -> None:
    """Log what structlog and the standard library are given, from ``level`` up, with secrets replaced.

    ``form`` is ``json``, ``text``, or ``auto``: text on a terminal.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    as_text = form == "text" or (form == "auto" and sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            hide_secrets,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
            if as_text
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[_Forward()], force=True)


def hide_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor that replaces secrets, by the name of their field or by what they look like."""
    for key, value in event.items():
        event[key] = _HIDDEN if _SECRET_KEYS.search(key) and value is not None else _without_secrets(value)
    return event


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return _SECRET.sub(_HIDDEN, value)
    if isinstance(value, dict):
        return hide_secrets(None, "", dict(value))
    if isinstance(value, list | tuple):
        return [_without_secrets(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _SECRET.sub(_HIDDEN, str(value))


class _Forward(logging.Handler):
    """Passes on what libraries log through the standard library."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record. Never raises: a message that cannot be formatted is logged unformatted."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 — a library's wrong log call must not break what it was doing
            message = str(record.msg)
        structlog.get_logger(record.name).log(
            record.levelno, message, logger=record.name, exc_info=record.exc_info or None
        )
