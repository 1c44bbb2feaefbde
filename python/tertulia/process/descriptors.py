"""How many files and sockets this process may have open."""

from __future__ import annotations

import resource


def allow_all() -> None:
    """Take as many as the system grants. Shells give 1,024, which a web worker or an SFU node soon uses up."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
