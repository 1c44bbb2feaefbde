"""The settings of a room."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from tertulia.contract.fields import AllowedRole, Strict, Topology, Who


class SettingsChange(Strict, frozen=True):
    """``settings`` as a caller sends them: any key may be left out."""

    is_recording_enabled: bool | UnsetType = UNSET
    max_participants: Annotated[int, Meta(ge=1, le=1000)] | UnsetType = UNSET
    allowed_roles: Annotated[list[AllowedRole], Meta(min_length=1, max_length=16)] | UnsetType = UNSET
    topology: Topology | UnsetType = UNSET
    waiting_room: bool | UnsetType = UNSET
    locked: bool | UnsetType = UNSET
    mute_on_entry: bool | UnsetType = UNSET
    unmute: Who | UnsetType = UNSET
    share: Who | UnsetType = UNSET
    chat: Who | UnsetType = UNSET


class Settings(Strict, frozen=True):
    """``Room.settings``, complete."""

    is_recording_enabled: bool = False
    max_participants: int = 100
    allowed_roles: tuple[AllowedRole, ...] = ("host", "guest")
    topology: Topology = "sfu"
    waiting_room: bool = False
    """An attendee who joins waits until a host admits them."""
    locked: bool = False
    """Nobody new joins but hosts."""
    mute_on_entry: bool = False
    unmute: Who = "everyone"
    share: Who = "everyone"
    chat: Who = "everyone"

    def merged(self, change: SettingsChange) -> Settings:
        """These settings with those of ``change``; a role that is listed twice counts once."""
        given = {k: v for k, v in msgspec.structs.asdict(change).items() if v is not UNSET}
        if "allowed_roles" in given:
            given["allowed_roles"] = tuple(dict.fromkeys(given["allowed_roles"]))
        return msgspec.structs.replace(self, **given)
