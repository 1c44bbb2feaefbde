"""The log: one line an event on standard error, JSON unless a person watches. Secrets and tokens are struck out."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

_STRUCK: Final = "…"
_SECRET: Final = re.compile(
    r"""
      eyJ[\w-]{5,}\.[\w-]*\.?[\w-]*                  # a JWT, or the beginning of one
    | \btk_[\w-]{8,}                                 # an API key
    | (?<=://) [^/@\s:]* : [^/@\s]+ (?=@)            # user and password of a URL
    | (?<=access_token=) [^&\s"']+
    | (?i:(?<=bearer\ )) [^\s"']+
    """,
    re.VERBOSE,
)
_SECRET_KEYS: Final = re.compile(r"token|secret|password|authorization|credential|^resume$|^sdp$", re.IGNORECASE)


def configure(level: str, form: str = "auto") -> None:
    """Send what structlog and the standard library log, from ``level`` on, through the same striking out.

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
            strike,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
            if as_text
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[_Forward()], force=True)


def strike(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: puts ``…`` where a secret stands."""
    for key, value in event.items():
        event[key] = _STRUCK if _SECRET_KEYS.search(key) and value is not None else _struck(value)
    return event


def _struck(value: Any) -> Any:
    if isinstance(value, str):
        return _SECRET.sub(_STRUCK, value)
    if isinstance(value, dict):
        return strike(None, "", dict(value))
    if isinstance(value, list | tuple):
        return [_struck(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _SECRET.sub(_STRUCK, str(value))


class _Forward(logging.Handler):
    """What libraries log by the standard library."""

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises: what cannot be formatted is logged as it stands."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 — a library's mistake in a log call must not end what it was doing
            message = str(record.msg)
        structlog.get_logger(record.name).log(
            record.levelno, message, logger=record.name, exc_info=record.exc_info or None
        )
