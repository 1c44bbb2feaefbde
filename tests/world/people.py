"""What people do, by their clients and by REST. Each function is one kind of action."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tertulia.contract.calls import (
    Admit,
    ChangeSettings,
    LowerHand,
    MediaStopped,
    Permissions,
    RaiseHand,
    RemoveParticipant,
    SendChat,
    SendOffer,
    SetDisplayName,
    SetPermissions,
    SetRole,
    Spotlight,
    UpdateState,
)
from tertulia.contract.fields import Role
from tertulia.contract.requests import StartRecording
from tertulia.contract.settings import SettingsChange
from tertulia.ids import RecordingId, UserId
from tests.world.client import Client
from tests.world.story import Action
from tests.world.world import ROOM, World

NOTICES: Final = (0.0, 0.0, 0.01, 1.0, 6.0, 20.0)
"""Seconds until a hub hears that a connection is broken."""


def join(world: World, action: Action) -> None:
    """A tab is opened; whoever has one already takes their own seat."""
    user = world.users[action.who % len(world.users)]
    client = Client(world, len(world.clients), ROOM, user, "host" if user == world.users[0] else "attendee")
    client.returns = action.how % 4 != 0
    client.is_eager = action.how % 3 == 0
    client.joins_out = action.how % 8 == 7
    world.clients.append(client)
    world.connect(client, action.where)


def join_again(world: World, action: Action) -> None:
    """JoinRoom on a socket that is there: it is refused, or follows a LeaveRoom."""
    client = _pick(world, action, lambda client: client.wire is not None)
    if client is not None:
        client.wants_in = True
        client.join(anyway=True)


def leave(world: World, action: Action) -> None:
    """LeaveRoom."""
    client = _pick(world, action, lambda client: client.wire is not None)
    if client is not None:
        client.leave()


def close(world: World, action: Action) -> None:
    """A tab is closed."""
    client = _pick(world, action, lambda client: client.wire is not None)
    if client is not None:
        client.close()


def cut(world: World, action: Action) -> None:
    """A connection breaks."""
    client = _pick(world, action, lambda client: client.wire is not None)
    if client is not None and client.wire is not None and not client.wire.is_cut:
        world.cut(client.wire, NOTICES[action.how % len(NOTICES)])


def come_back(world: World, action: Action) -> None:
    """A client whose connection broke returns, with its resume token."""
    client = _pick(world, action, lambda client: client.wire is None and client.resume is not None)
    if client is not None:
        client.wants_in = True
        world.connect(client, action.where)


def come_anew(world: World, action: Action) -> None:
    """A tab is loaded again: it has no resume token."""
    client = _pick(world, action, lambda client: client.wire is None)
    if client is not None:
        client.wants_in, client.resume = True, None
        world.connect(client, action.where)


def silence(world: World, action: Action) -> None:
    """A client stops saying KeepAlive, or begins again."""
    client = _seated(world, action)
    if client is not None:
        client.is_silent = not client.is_silent
        client.was_silent = True


def update(world: World, action: Action) -> None:
    """Microphone and camera."""
    client = _seated(world, action)
    if client is not None:
        values = (None, True, False)
        payload = UpdateState(is_muted=values[action.how % 3], is_video_on=values[action.how // 3 % 3])
        client.call("UpdateState", payload)


def hand(world: World, action: Action) -> None:
    """The hand goes up or down."""
    client = _seated(world, action)
    if client is not None:
        client.call("RaiseHand", RaiseHand(raised=action.how % 2 == 0))


def rename(world: World, action: Action) -> None:
    """Another name."""
    client = _seated(world, action)
    if client is not None:
        client.call("SetDisplayName", SetDisplayName(display_name=f"Name {action.how % 4}"))


def chat(world: World, action: Action) -> None:
    """A word to all."""
    client = _seated(world, action)
    if client is not None:
        say(world, client)


def whisper(world: World, action: Action) -> None:
    """A word to one."""
    client = _seated(world, action)
    if client is not None:
        target = world.users[action.where % len(world.users)]
        client.call("SendChat", SendChat(text=client.next_words(), target_user_id=target))


def offer(world: World, action: Action) -> None:
    """An offer to the SFU, or to another user where there is none."""
    client = _seated(world, action)
    if client is not None:
        target = client.endpoint or ("sfu" if action.how % 2 else world.users[action.where % len(world.users)])
        client.call("SendOffer", SendOffer(target_user_id=target, sdp="v=0"))


def miss_media(world: World, action: Action) -> None:
    """A client says that its media has stopped."""
    client = _seated(world, action)
    if client is not None and client.endpoint is not None:
        client.call("MediaStopped", MediaStopped(transport_id=client.endpoint))


def mute_all(world: World, action: Action) -> None:
    """MuteAll; only a host may."""
    client = _seated(world, action)
    if client is not None:
        client.call("MuteAll", None)


def remove(world: World, action: Action) -> None:
    """RemoveParticipant; only a host may."""
    client = _seated(world, action)
    if client is not None:
        target = world.users[action.where % len(world.users)]
        client.call("RemoveParticipant", RemoveParticipant(target_user_id=target))


def end(world: World, action: Action) -> None:
    """EndRoom; only a host may."""
    client = _seated(world, action)
    if client is not None:
        client.call("EndRoom", None)


def rest_remove(world: World, action: Action) -> None:
    """DELETE of a participant."""
    hub = world.pick_hub(action)
    user = world.users[action.who % len(world.users)]
    if hub is not None:
        world.clock.after(0.0, hub.process, hub.remove, ROOM, user, lambda done: _was_removed(world, user, done))


def rest_end(world: World, action: Action) -> None:
    """POST …/end."""
    hub = world.pick_hub(action)
    if hub is not None:
        asked = world.clock.now
        world.clock.after(0.0, hub.process, hub.end_room, ROOM, "host", lambda done: _was_ended(world, asked, done))


def opt_out(world: World, action: Action) -> None:
    """Not to be recorded, or to be."""
    client = _seated(world, action)
    if client is not None:
        client.opt_out(action.how % 3 != 0)


def record(world: World, action: Action) -> None:
    """StartRecording or StopRecording; only a host may."""
    client = _seated(world, action)
    if client is not None:
        if action.how % 2:
            client.call("StopRecording", None)
        else:
            client.call("StartRecording", StartRecording())


def rest_record(world: World, action: Action) -> None:
    """POST …/recordings."""
    hub = world.pick_hub(action)
    if hub is not None:
        world.clock.after(
            0.0, hub.process, hub.start_recording, ROOM, lambda done: world.note(f"recording started: {done}")
        )


def rest_stop_recording(world: World, action: Action) -> None:
    """POST …/stop, mostly of the last recording."""
    hub, known = world.pick_hub(action), list(world.sql.recordings)
    if hub is not None and known:
        recording = known[-1] if action.how % 4 else known[action.who % len(known)]
        world.clock.after(
            0.0, hub.process, hub.stop_recording, ROOM, recording, lambda done: _was_stopped(world, recording, done)
        )


SETTINGS: Final = (
    SettingsChange(waiting_room=True),
    SettingsChange(waiting_room=True, mute_on_entry=True),
    SettingsChange(waiting_room=False, mute_on_entry=False),
    SettingsChange(locked=True),
    SettingsChange(locked=False),
    SettingsChange(unmute="host"),
    SettingsChange(unmute="everyone", share="host"),
    SettingsChange(chat="host", share="everyone"),
)


def settings(world: World, action: Action) -> None:
    """ChangeSettings; only a host may."""
    client = _seated(world, action)
    if client is not None:
        client.call("ChangeSettings", ChangeSettings(settings=SETTINGS[action.how % len(SETTINGS)]))


def rest_settings(world: World, action: Action) -> None:
    """PATCH of the room."""
    hub = world.pick_hub(action)
    if hub is not None:
        change = SETTINGS[action.how % len(SETTINGS)]
        world.clock.after(
            0.0, hub.process, hub.change_settings, ROOM, change, lambda done: world.note(f"settings changed: {done}")
        )


def admit(world: World, action: Action) -> None:
    """Admit, one or all; only a host may."""
    client = _seated(world, action)
    if client is not None:
        client.call("Admit", Admit(target_user_id=_target(world, action) if action.how % 3 else None))


def deny(world: World, action: Action) -> None:
    """Deny; only a host may."""
    client = _seated(world, action)
    if client is not None:
        client.call("Deny", RemoveParticipant(target_user_id=_target(world, action)))


def lower_hand(world: World, action: Action) -> None:
    """LowerHand; only a host may."""
    client = _seated(world, action)
    if client is not None:
        client.call("LowerHand", LowerHand(target_user_id=_target(world, action)))


def spotlight(world: World, action: Action) -> None:
    """Spotlight; only a host may."""
    client = _seated(world, action)
    if client is not None:
        client.call("Spotlight", Spotlight(target_user_id=_target(world, action), on=action.how % 3 > 0))


def set_role(world: World, action: Action) -> None:
    """SetRole; only a host may."""
    client = _seated(world, action)
    if client is not None:
        role: Role = "host" if action.how % 3 else "attendee"
        client.call("SetRole", SetRole(target_user_id=_target(world, action), role=role))


def set_permissions(world: World, action: Action) -> None:
    """SetPermissions; only a host may."""
    client = _seated(world, action)
    if client is not None:
        values = (None, True, False)
        permissions = Permissions(unmute=values[action.how % 3], video=values[action.how // 3 % 3])
        payload = SetPermissions(target_user_id=_target(world, action), permissions=permissions)
        client.call("SetPermissions", payload)


def _target(world: World, action: Action) -> UserId:
    return world.users[action.where % len(world.users)]


def say(world: World, client: Client) -> str:
    """Send a word to all; which."""
    text = client.next_words()
    world.said.append((text, world.clock.now))
    client.call("SendChat", SendChat(text=text))
    return text


def _was_removed(world: World, user: UserId, done: Any) -> None:
    if done is True:
        world.note(f"{user} was removed")
        world.removed.add(user)


def _was_stopped(world: World, recording: RecordingId, done: Any) -> None:
    world.note(f"stopped {recording}: {done}")
    if done is True:
        world.stopped[recording] = world.clock.now


def _was_ended(world: World, asked: float, done: Any) -> None:
    world.note(f"ended: {done}")
    if done is True:
        world.ended.append((asked, world.clock.now))


def _seated(world: World, action: Action) -> Client | None:
    return _pick(world, action, lambda client: client.is_seated)


def _pick(world: World, action: Action, which: Callable[[Client], bool]) -> Client | None:
    there = [client for client in world.clients if which(client)]
    return there[action.who % len(there)] if there else None


ACTIONS: Final[dict[str, Callable[[World, Action], None]]] = {
    do.__name__: do
    for do in (
        *(join, join_again, leave, close, cut, come_back, come_anew, silence),
        *(update, hand, chat, whisper, offer, miss_media, mute_all, remove, end, rest_remove, rest_end),
        *(opt_out, record, rest_record, rest_stop_recording),
        *(settings, rest_settings, admit, deny, lower_hand, spotlight, set_role, set_permissions),
        rename,
    )
}
