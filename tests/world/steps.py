"""The steps of a meeting, carried out by the models of Redis and SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tertulia.ids import RoomId
from tertulia.room import steps
from tests.world.scripts import ModelState
from tests.world.sql import Sql

SCRIPTS: Final[dict[type, Callable[[ModelState, RoomId, Any], Any]]] = {
    steps.Join: lambda state, room, step: state.join(
        room,
        step.seat,
        max_participants=step.max_participants,
        admitted_at_ms=step.admitted_at_ms,
        placement=step.placement,
        entry=step.entry,
    ),
    steps.Leave: lambda state, room, step: state.leave(room, step.user, step.connection, step.reason),
    steps.Remove: lambda state, room, step: state.remove(room, step.user, step.lost, step.done_at_ms),
    steps.KeepOut: lambda state, room, step: state.keep_out(room, step.session_id, step.removals),
    steps.KeepAlive: lambda state, room, step: state.keep_alive(room, step.user, step.connection, step.incarnation),
    steps.Update: lambda state, room, step: state.update(
        room, step.user, step.connection, step.incarnation, is_muted=step.is_muted, is_video_on=step.is_video_on
    ),
    steps.RaiseHand: lambda state, room, step: state.raise_hand(
        room, step.user, step.connection, step.incarnation, step.raised
    ),
    steps.SetDisplayName: lambda state, room, step: state.set_display_name(
        room, step.user, step.connection, step.incarnation, step.display_name
    ),
    steps.SetRecordingOptOut: lambda state, room, step: state.set_recording_opt_out(
        room, step.user, step.connection, step.incarnation, step.opt_out
    ),
    steps.Control: lambda state, room, step: state.control(
        room,
        step.user,
        step.incarnation,
        role=step.role,
        lowers_hand=step.lowers_hand,
        is_spotlit=step.is_spotlit,
        permissions=step.permissions,
    ),
    steps.Admit: lambda state, room, step: state.admit(room, step.users, step.incarnation),
    steps.KeepChat: lambda state, room, step: state.keep_chat(room, step.session_id, step.messages),
    steps.React: lambda state, room, step: state.react(room, step.session_id, step.message_id, step.user, step.emoji),
    steps.ReadChat: lambda state, room, step: state.chat(room, step.session_id),
    steps.BeginRecording: lambda state, room, step: state.begin_recording(room, step.recording, step.session_id),
    steps.EndRecording: lambda state, room, step: state.end_recording(room, step.recording),
    steps.End: lambda state, room, step: state.end(
        room, step.reason, session_id=step.session_id, only_if_empty_for_ms=step.only_if_empty_for_ms
    ),
    steps.Expire: lambda state, room, step: state.expire(room, step.silent_for_ms),
    steps.Restore: lambda state, room, step: state.restore(room, step.known, step.members, step.new_incarnation),
    steps.Move: lambda state, room, step: state.move(room, step.from_node, step.to_node),
    steps.Summary: lambda state, room, step: state.summary(room),
    steps.FindMember: lambda state, room, step: state.participant(room, step.user),
    steps.Read: lambda state, room, step: state.read(room, step.mark),
}

TRANSACTIONS: Final[dict[type, Callable[[Sql, RoomId, Any], Any]]] = {
    steps.OpenSession: lambda sql, room, step: sql.open_session(room, step.session_id),
    steps.CloseSession: lambda sql, room, step: sql.close_session(step.session_id),
    steps.RecordRemoval: lambda sql, room, step: sql.remove(step.session_id, step.user, step.at_ms),
    steps.ReadSession: lambda sql, room, step: sql.read_session(step.session_id),
    steps.PrepareJoin: lambda sql, room, step: sql.record(room),
    steps.ReadRecord: lambda sql, room, step: sql.record(room),
    steps.ChangeSettings: lambda sql, room, step: sql.change_settings(room, step.change),
    steps.StartRecording: lambda sql, room, step: sql.start_recording(step.recording, step.session_id),
    steps.StopRecording: lambda sql, room, step: sql.stop_recording(step.recording),
    steps.WithdrawRecording: lambda sql, room, step: sql.withdraw_recording(step.recording),
}
