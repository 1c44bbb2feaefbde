"""What all meetings of one hub share. Pure: the hub keeps it up to date."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from tertulia.ids import HubId, new_token, new_uuid
from tertulia.room.nodes import Nodes
from tertulia.room.removals import KnownRemovals
from tertulia.room.settings import HubSettings


class Names(Protocol):
    """Where new names come from. They must be unguessable in production; a test may count."""

    def token(self) -> str:
        """A new token (:func:`tertulia.ids.new_token`): a resume token, an incarnation, a mark."""

    def uuid(self) -> str:
        """A new UUID (:func:`tertulia.ids.new_uuid`): a seat, a session."""


class RandomNames:
    """What production uses."""

    def token(self) -> str:
        """See :class:`Names`."""
        return new_token()

    def uuid(self) -> str:
        """See :class:`Names`."""
        return new_uuid()


class Stateless:
    """Open sessions whose room was found without their state, and since when."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def since(self, session_id: str, now: float) -> float:
        """It was found without state now; when that was first seen."""
        return self._since.setdefault(session_id, now)

    def found(self, session_id: str) -> None:
        """It has its state."""
        self._since.pop(session_id, None)

    def keep(self, session_ids: set[str]) -> None:
        """Only these are open."""
        self._since = {s: since for s, since in self._since.items() if s in session_ids}


class Surroundings(Struct, frozen=True, kw_only=True):
    """The hub around a meeting."""

    hub: HubId
    settings: HubSettings
    nodes: Nodes
    """The SFU nodes, as last read from the registry."""
    names: Names
    stateless: Stateless
    removals: KnownRemovals
