"""What fails again and again, while Redis, SQL or a disk is away, is logged once, and once that it works again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import structlog

from tertulia.errors import TertuliaError

_log: Final = structlog.get_logger(__name__)


class Outage:
    """Of one thing that is tried again and again."""

    def __init__(
        self, failing: str = "will be tried again until it works", over: str = "works again", **about: str
    ) -> None:
        """What the log says when it begins and when it is over, both with ``about``."""
        self._failing = failing
        self._over = over
        self.about: Final = about
        self._is_on = False

    def failed(self, error: Exception, **about: str) -> None:
        """A try has failed."""
        if not self._is_on:
            _log.warning(self._failing, error=str(error) or type(error).__name__, **self.about, **about)
        self._is_on = True

    def worked(self) -> None:
        """All that was tried has worked."""
        if self._is_on:
            _log.info(self._over, **self.about)
        self._is_on = False


async def repeat(work: Callable[[], Awaitable[object]], pause: Callable[[], float], outage: Outage) -> NoReturn:
    """Do ``work`` again and again, after a pause of so many seconds each time, whatever happens."""
    while True:
        await asyncio.sleep(pause())
        try:
            await work()
        except (TertuliaError, OSError) as e:
            outage.failed(e)
        except Exception:  # noqa: BLE001 - a loop that ends would never be missed
            _log.exception("a fault of ours; goes on all the same", **outage.about)
        else:
            outage.worked()
