"""What nodes and members were told of recordings, by a core."""

from __future__ import annotations

from typing import Any

from tertulia.ids import NodeId, RecordingId, SessionId, transport_id
from tertulia.room import commands, effects, inputs
from tertulia.room.messages import RecordingMessage
from tests.unit.room.core import SESSION, THERE, Core, node

ONE, TWO = RecordingId("one"), RecordingId("two")
N1, N2 = NodeId("n1"), NodeId("n2")


def core_of(*users: str) -> Core:
    """A room on an SFU node, with these members, the first of whom is a host. The connection of ann is a."""
    core = Core(topology="sfu")
    core.node = N1
    core.nodes.refresh([node("n1"), node("n2")], core.now)
    for user in users or ("ann", "bob"):
        core.join(user, user[0], role="host" if user == "ann" else "attendee")
    core.clear()
    return core


def says(recording: RecordingId | None, session: SessionId = SESSION) -> inputs.Message:
    """The channel tells which recording goes on in a session."""
    return inputs.Message(
        RecordingMessage(origin=THERE, session_id=session, is_recording=recording is not None, recording_id=recording)
    )


def transport(core: Core, user: str, on: NodeId = N1) -> str:
    return transport_id(core.members[user].seat, on)


def recorded(core: Core) -> dict[str, RecordingId | None]:
    """What the nodes were told last of each transport, offers included."""
    told: dict[str, RecordingId | None] = {}
    for tell in core.of(effects.Tell):
        if isinstance(tell.command, commands.Record | commands.Offer):
            told[tell.command.transport] = tell.command.recording
        elif isinstance(tell.command, commands.StopRecording):
            told = {t: None if recording == tell.command.recording else recording for t, recording in told.items()}
    return told


def stopped(core: Core) -> list[tuple[NodeId, RecordingId]]:
    """The ends that nodes were told of."""
    return [
        (tell.node, tell.command.recording)
        for tell in core.of(effects.Tell)
        if isinstance(tell.command, commands.StopRecording)
    ]


def payloads(core: Core, name: str) -> list[Any]:
    return [e.event.value() for e in core.of(effects.Deliver) if e.event.name == name]


def refused(core: Core) -> list[type[Exception]]:
    return [type(e.error) for e in core.of(effects.Reject)]
