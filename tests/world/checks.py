"""What must hold: after each action, when all is quiet, and when everybody is gone."""

from __future__ import annotations

from typing import Final

from tertulia.contract.calls import RaiseHand, SendOffer
from tertulia.ids import SessionId, UserId, transport_id
from tertulia.room.permissions import blocked, may
from tests.world.client import Client
from tests.world.people import say
from tests.world.redis import NO_TTL, Keys
from tests.world.view import control_of
from tests.world.world import ROOM, World

SLOWEST: Final = 8.0
"""Seconds that an event may be on its way where nothing is wrong."""
ENDED_WITHIN: Final = 6.0
"""Seconds until an end has reached everybody where nothing is wrong: shorter than a keep-alive interval, which finds it
too."""
RECORDED: Final = 1
"""One of three worlds is recorded when all is well again, if anybody is there; when probed, they opt in and out."""
PROMPT: Final = 2.0
"""Seconds for a call when all is quiet."""
ANSWER_WITHIN: Final = 20.0
"""Seconds for a call: a JoinRoom runs several steps, each with a deadline of 3 s."""


def always(world: World) -> None:
    """The keys are whole or known to be lost, and have a TTL."""
    keys = _keys(world)
    if keys.hash and not world.has_forgotten and not keys.is_intact:
        world.fail("count", f"{keys.hash} with {list(keys.people)} and {list(keys.seen)}")
    _check_ttls(world, keys)
    if not world.is_lossy:
        _check_lost_are_shown(world, keys)
        _check_who_left(world, keys)
    _check_told(world)
    if not world.is_lossy:
        _check_recorded(world)
    for client in world.clients:
        removed_at = keys.removed.get(client.user)
        sits = keys.people.get(client.user)
        if removed_at is None or sits is None or client.wire is None or sits.connection_id != client.wire.id:
            continue
        if keys.is_intact and client.admitted_at_ms <= removed_at:  # else nobody counts as seated
            world.fail("removed", f"{client} was removed, and sits by a token from before")


def when_settled(world: World) -> None:
    """Everybody is back and knows the same. Once Redis has lost the room, nobody sits there until somebody comes: then
    every seat that a hub has kept is there again, for the whole time of a seat, that of a client that never returns
    too."""
    coming = [str(client) for client in world.clients if client.is_coming]
    if coming:
        world.fail("seats", f"still to come: {coming}")
    when_quiet(world)


def when_quiet(world: World) -> None:
    """Everybody knows the same."""
    always(world)
    keys = _whole(_keys(world))
    _check_seats(world, keys)
    _check_removed(world, keys)
    for client in world.clients:
        _check_pending(world, client)
        if client.is_seated:
            _check_views(world, client, keys)
            _check_endpoint(world, client, keys)
            _check_chats(world, client)
            _check_recording(world, client, keys)
    _check_sessions(world, keys)
    _check_node_records(world, keys)
    _check_rules(world, keys)
    _check_peers(world, keys)
    for hub in world.living_hubs():
        if hub.waits(ANSWER_WITHIN):
            world.fail("waits", f"{hub.id} still waits for {hub.waits(ANSWER_WITHIN)}")


def probe(world: World) -> None:
    """Everybody says and does something: what is said must reach all, once all is quiet again."""
    world.is_probed = True
    world.said.clear()
    world.probed.clear()
    for client in world.clients:
        client.answers.clear()
        if client.is_seated and client.wire is not None:
            world.probed.append((client, client.wire))
            say(world, client)
            client.call("RaiseHand", RaiseHand(raised=client.number % 2 == 0))
            if client.endpoint is not None:
                client.call("SendOffer", SendOffer(target_user_id="sfu", sdp="v=0"))
                if world.story.seed % 3 == RECORDED:
                    client.opt_out(client.number % 2 == 0)


def when_probed(world: World) -> None:
    """Everything has reached everybody."""
    when_quiet(world)
    for client, wire in world.probed:
        if not client.is_seated or client.wire is not wire:
            continue
        late = [event for event, since in client.pending.values() if world.clock.now - since > PROMPT]
        if late:
            world.fail("no answer", f"{client} waits for {late}")
        if not any(text.startswith(f"{client.user}:{client.number}:") for text in client.view.chats):
            world.fail("missed", f"{client} never heard its own words")
        if client.endpoint is not None and client.endpoint not in client.answers:
            world.fail("no answer", f"{client} never got an answer of {client.endpoint}, but of {client.answers}")


def when_gone(world: World) -> None:
    """Nothing is left of the meeting."""
    keys = _whole(_keys(world))
    if keys.people or keys.hash:
        world.fail("left over", f"in Redis: {keys.hash}, {list(keys.people)}")
    if world.sql.open_sessions():
        world.fail("left over", f"open sessions: {world.sql.open_sessions()}")
    if any(recording.is_running for recording in world.sql.recordings.values()):
        world.fail("left over", f"recordings that go on: {world.sql.recordings}")
    for hub in world.living_hubs():
        if hub.meetings or hub.timers:
            world.fail("left over", f"{hub.id} keeps {list(hub.meetings)}, timers {list(hub.timers)}")
        holds = [wire.id for wire in hub.connections()]
        if hub.waits() or holds:
            world.fail(
                "left over", f"{hub.id} waits for {hub.waits()}, holds {[held.id for held in hub.connections()]}"
            )


def _keys(world: World) -> Keys:
    world.server.tick()
    return world.server.model.keys(ROOM)


def _whole(keys: Keys) -> Keys:
    """What counts of the keys: a broken state counts as none, and is gone with its TTL."""
    return keys if keys.is_intact else Keys()


def _check_ttls(world: World, keys: Keys) -> None:
    for index, key in enumerate(keys.all):
        if key and keys.expires[index] == NO_TTL:
            world.fail("no TTL", f"key {index}: {key}")


def _check_lost_are_shown(world: World, keys: Keys) -> None:
    """Whose connection has been lost for longer than a blip is shown so to the others."""
    for client in world.clients:
        wire, sits = client.last_wire, keys.people.get(client.user)
        if wire is None or sits is None or sits.connection_id != wire.id or wire.lost_at is None:
            continue
        for other in world.clients:
            is_told = other.is_seated and other.seat_since < wire.lost_at and client.user in other.view.followed
            is_due = world.clock.now - max(wire.lost_at + world.settings.blip, other.sat_at) > SLOWEST
            if is_told and is_due and not other.view.followed[client.user].is_lost:
                world.fail("loss hidden", f"{other} is not told that {client} is lost since {wire.lost_at:.3f}")


def _check_who_left(world: World, keys: Keys) -> None:
    """Who closed the socket has no seat any more, and who was in a meeting that was ended was let go."""
    now = world.clock.now
    for client in world.clients:
        wire, sits = client.last_wire, keys.people.get(client.user)
        if wire is None:
            continue
        is_kept = sits is not None and sits.connection_id == wire.id
        if is_kept and wire.closed_at is not None and now - wire.closed_at > ANSWER_WITHIN:
            world.fail("close ignored", f"{client} closed {wire.id} at {wire.closed_at:.3f} and still has its seat")
        for asked, done in world.ended:
            was_there = client.is_seated and client.seat_since < asked and not client.was_silent
            if was_there and now - done > ENDED_WITHIN:
                world.fail("end ignored", f"{client} sits since {client.seat_since:.3f}; the end was at {done:.3f}")


def _check_seats(world: World, keys: Keys) -> None:
    """participantCount = HLEN = the clients that believe that they sit."""
    stored = {user: member.connection_id for user, member in keys.people.items()}
    seated: dict[UserId, str] = {}
    for client in world.clients:
        if client.is_seated and client.wire is not None:
            if client.user in seated:
                world.fail("two seats", f"{client.user} sits by {seated[client.user]} and {client.wire.id}")
            seated[client.user] = client.wire.id
    if stored != seated:
        world.fail("seats", f"Redis has {stored}, the clients are {seated}")
    count = int(keys.hash.get("participantCount", "0"))
    if count != len(seated):
        world.fail("count", f"participantCount is {count}, {len(seated)} sit")


def _check_removed(world: World, keys: Keys) -> None:
    """Nobody sits by an admission before a removal of which SQL knows: whatever Redis has forgotten since."""
    for client in world.clients:
        removed_at = world.sql.removals.get((keys.hash.get("sessionId", ""), client.user))
        if client.is_seated and removed_at is not None and client.admitted_at_ms <= removed_at:
            world.fail("removed", f"{client} was removed at {removed_at}, and sits by its admission from before")


def _check_pending(world: World, client: Client) -> None:
    for event, since in client.pending.values():
        if world.clock.now - since > ANSWER_WITHIN:
            world.fail("no answer", f"{client} waits for {event} since {world.clock.now - since:.1f} s")


def _check_views(world: World, client: Client, keys: Keys) -> None:
    expected = {
        user: (
            *(member.display_name, member.is_muted, member.is_video_on, member.hand_raised, member.recording_opt_out),
            control_of(member),
        )
        for user, member in keys.people.items()
        if user != client.user
    }
    views = [("shows", client.view.members)]
    if not world.has_forgotten:  # else members that one hub never heard of may be known to the one returned to
        views.append(("has followed to", client.view.followed))
    for name, view in views:
        shown = {user: other.state for user, other in view.items()}
        if shown != expected:
            world.fail(_kind_of_view(shown.keys() == expected.keys()), f"{client} {name} {shown}, there are {expected}")
        lost = [user for user, other in view.items() if other.is_lost]
        if lost:
            world.fail("lost shown", f"{client} {name} {lost} as lost, but they are connected")


def _kind_of_view(same_people: bool) -> str:
    return "state" if same_people else "view"


def _check_rules(world: World, keys: Keys) -> None:
    """Everybody knows the settings, is held to them, and so is the room's node."""
    settings = world.sql.record(ROOM).settings
    for client in world.clients:
        if client.is_seated and client.settings != settings:
            world.fail("settings", f"{client} was told {client.settings}, SQL has {settings}")
    for user, member in keys.people.items():
        if not (member.is_muted or may(member, "unmute", settings)):
            world.fail("rules", f"{user} may not unmute, and is not muted")
        if not (member.said_video_off or may(member, "video", settings)):
            world.fail("rules", f"{user} may not show video, and does")
        for node in world.nodes:
            transport = transport_id(member.seat, node.id)
            if node.id == keys.hash["sfuNode"] and transport in node.peers:
                is_blocked, expected = node.blocked.get(transport, []), blocked(member, settings)
                if is_blocked != expected:
                    world.fail("rules", f"{node.id} blocks {is_blocked} of {transport} ({user}), not {expected}")


def _check_recording(world: World, client: Client, keys: Keys) -> None:
    recording = keys.hash["recordingId"] or None
    if client.recording != recording:
        world.fail("recording", f"{client} was told {client.recording}, Redis has {recording}")
    if keys.hash["isRecording"] != ("true" if recording else "false"):
        world.fail("recording", f"isRecording {keys.hash['isRecording']}, recordingId {recording}")


def _check_told(world: World) -> None:
    """Nobody is recorded whose client was not told before."""
    for hub in world.hubs:
        if hub.untold:
            world.fail("not told", hub.untold[0])


def _check_recorded(world: World) -> None:
    """Nobody is recorded in what was stopped, or after they were told that they are left out. A node that stands still
    records nothing, and hears of it when it goes on."""
    for node in world.nodes:
        late = world.clock.now - SLOWEST
        if node.process.is_frozen or (node.went_on_at is not None and node.went_on_at > late):
            continue
        for transport, recording in node.recorded.items():
            stopped = world.stopped.get(recording)
            if node.process.is_alive and stopped is not None and stopped < late:
                world.fail("recorded", f"{transport} is recorded in {recording}, stopped at {stopped:.3f}")
            owner = world.owners.get(transport)
            if owner is None or owner.out_since is None or not owner.is_seated or owner.endpoint != transport:
                continue
            if owner.out_since < late:
                world.fail("recorded", f"{owner} is recorded in {recording}, left out since {owner.out_since:.3f}")


def _check_node_records(world: World, keys: Keys) -> None:
    """The room's node records whom it has to, and nobody else; SQL knows the same recording as Redis."""
    if not keys.people:
        return
    recording = world.sql.running(SessionId(keys.hash["sessionId"]))
    if (recording or "") != keys.hash["recordingId"]:
        world.fail("recording", f"SQL has {recording}, Redis has {keys.hash['recordingId']!r}")
    for node in world.nodes:
        if node.id == keys.hash["sfuNode"]:
            wanted = {
                transport: recording
                for member in keys.people.values()
                if (transport := transport_id(member.seat, node.id)) in node.peers
                and recording is not None
                and not member.recording_opt_out
            }
            present = {transport_id(member.seat, node.id) for member in keys.people.values()}
            recorded = {transport: found for transport, found in node.recorded.items() if transport in present}
            if recorded != wanted or any(found != recording for found in node.recorded.values()):
                world.fail("recorded", f"{node.id} records {node.recorded}, and has to record {wanted}")


def _check_endpoint(world: World, client: Client, keys: Keys) -> None:
    if world.story.topology == "p2p":
        if client.endpoint is not None:
            world.fail("node", f"{client} was told of {client.endpoint} in a room without SFU")
        return
    node = keys.hash.get("sfuNode")
    alive = {node.id for node in world.nodes if node.process.is_alive and node.entry() is not None}
    if node not in alive:
        world.fail("node", f"the room lives on {node!r}, alive are {alive}")
    expected = transport_id(keys.people[client.user].seat, node)  # type: ignore[arg-type]
    if client.endpoint != expected:
        world.fail("node", f"{client} was told {client.endpoint}, its transport is {expected} on {node}")


def _check_peers(world: World, keys: Keys) -> None:
    """No node has a peer whose seat is gone, or whose room lives elsewhere. Where nobody is left to say so, nodes see
    that the clients have gone."""
    if not keys.people:
        return
    for node in world.nodes:
        seated: set[str] = set()
        if node.id == keys.hash.get("sfuNode"):
            seated = {transport_id(member.seat, node.id) for member in keys.people.values()}
        ghosts = node.peers.keys() - seated
        if ghosts and node.process.is_alive:
            world.fail("peers", f"{node.id} still has {[node.peers[ghost] for ghost in ghosts]}")


def _check_chats(world: World, client: Client) -> None:
    """Where nothing is lost between hubs, what is said to all reaches all who had a seat by then."""
    if world.is_lossy and not world.is_probed:
        return
    # A seat that was just taken over is unknown to the sender's hub until the channel has told it.
    is_alone = all(other is client or other.user != client.user for other in world.clients)
    since = client.seat_since if is_alone else client.seat_since + SLOWEST
    for text, at in world.said:
        is_meant = at > since and world.was_heard(text)
        if is_meant and text not in client.view.chats:
            world.fail("missed", f"{client}, here since {client.seat_since:.3f}, never heard {text} of {at:.3f}")


def _check_sessions(world: World, keys: Keys) -> None:
    if not keys.people:
        return  # in time: see when_gone
    open_ones = [session.id for session in world.sql.open_sessions()]
    live = [keys.hash["sessionId"]]
    if open_ones != live:
        world.fail("session", f"SQL has open {open_ones}, Redis has {live}")
