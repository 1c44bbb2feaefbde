"""The start of media engines: their ports, their files, their directory of recordings."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import structlog

from tertulia.config import Config
from tertulia.errors import ConfigError
from tertulia.ids import NodeId
from tertulia.process import descriptors
from tertulia.sfu import _sfu

_log: Final = structlog.get_logger(__name__)


def prepare(config: Config) -> None:
    """What the engines of one process share."""
    descriptors.allow_all()  # each track that is recorded has an open file
    _prepare(config.raw_dir)


def media_ports(config: Config) -> list[int]:
    """One for each engine; 0: any free one."""
    first = config.sfu_ports[0]
    return [first + i if first else 0 for i in range(config.sfu_workers)]


def start_engine(config: Config, node: NodeId, port: int) -> _sfu.Sfu:
    """Start the one of a node.

    Raises:
        ConfigError: the port cannot be bound, or there is no address to advertise.
    """
    try:
        return _sfu.Sfu(
            config.sfu_bind,
            port,
            config.sfu_advertise,
            loopback=config.open,
            recordings_dir=config.raw_dir,
            node=node,
            track_kilobits=config.sfu_track_mbits * 1000,
            peer_kilobits=config.sfu_peer_mbits * 1000,
            room_kilobits=config.sfu_room_mbits * 1000,
        )
    except OSError as e:
        raise ConfigError(
            f"the media ports cannot be opened: {e}: see --sfu-bind, --sfu-ports and --sfu-advertise"
        ) from e


def _prepare(recordings: Path) -> None:
    """Make the directory of recordings. Without it there are meetings, and each recording says that it has trouble."""
    try:
        recordings.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=recordings):
            pass
    except OSError as e:
        _log.warning(
            "this node cannot record: see --recordings-dir", recordings_dir=str(recordings), error=e.strerror or str(e)
        )
