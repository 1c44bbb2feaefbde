"""Who may join, and who may call what. Pure."""

from __future__ import annotations

from typing import Final

from tertulia.contract import Role, Settings
from tertulia.errors import Forbidden, RoleNotAllowed

HOST_CALLS: Final = frozenset({"AskToMute", "MuteAll", "RemoveParticipant", "EndRoom"})
"""Calls that only a host may make."""


def check_call(event: str, role: Role) -> None:
    """
    Raises:
        Forbidden: the call is the host's.
    """
    if role != "host" and event in HOST_CALLS:
        raise Forbidden(f"only a host may call {event}")


def check_role(settings: Settings, role: Role, is_the_host: bool) -> None:
    """Whether someone may join in ``role``; ``is_the_host``: they are the room's own host, who is always admitted.

    Raises:
        RoleNotAllowed: ``allowedRoles`` (which spells attendee ``guest``) leaves the role out.
    """
    wanted = "host" if role == "host" else "guest"
    if not is_the_host and wanted not in settings.allowed_roles:
        raise RoleNotAllowed(f"this room does not admit the role {role}")
