"""Every operation of the API, as a table: the REST part of docs/protocol.md."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tertulia.contract.answers import (
    AuditList,
    ConnectionTest,
    InviteCreated,
    InviteOpened,
    InviteView,
    JoinGrant,
    NodeView,
    RecordingStarted,
    RecordingView,
    RoomCreated,
    RoomList,
    RoomView,
    SessionView,
    SignInView,
    UserView,
)
from tertulia.contract.events import ParticipantView
from tertulia.contract.requests import (
    AuditQuery,
    ChangeRoom,
    ComposeRecording,
    CreateInvite,
    CreateRoom,
    CreateUser,
    EntryQuery,
    EntryView,
    JoinRequest,
    OpenInvite,
    RemovalQuery,
    RoomQuery,
    StartRecording,
)
from tertulia.db.models import User
from tertulia.db.paging import Position
from tertulia.errors import (
    AlreadyExists,
    AlreadyRecording,
    NoSession,
    PasswordRequired,
    QuotaExceeded,
    RoleNotAllowed,
    RoomFull,
    RoomLocked,
    WrongPassword,
)
from tertulia.ids import UserId
from tertulia.rest import rules, targets
from tertulia.rest.handlers import (
    audit,
    connection_tests,
    invites,
    join,
    members,
    nodes,
    recordings,
    rooms,
    sign_ins,
    users,
)
from tertulia.rest.handlers.rooms import RoomChange
from tertulia.rest.operation import Operation
from tertulia.rest.targets import Joiner, NewRoom, OfInvite, OfParticipant, OfRecording, OfRoom

_ROOM: Final = "/v1/rooms/{room_id}"
_RECORDINGS: Final = _ROOM + "/recordings"

OPERATIONS: Final = (
    Operation[NewRoom, CreateRoom](
        name="createRoom",
        method="POST",
        path="/v1/rooms",
        summary="Create a room",
        description=(
            "A `hostId` that is not known yet becomes a user. `joinToken` is the host's and lives 24 hours; to who is "
            "signed in it is their own, also if the host is somebody else. "
            "`scheduledFor` is when the meeting is to begin: people may join before and after."
        ),
        body=CreateRoom,
        find=rooms.find_new,
        allows=rules.ROOM_MAKERS,
        check=rooms.check,
        act=rooms.create,
        status=201,
        answer=RoomCreated,
        refuses=(QuotaExceeded, AlreadyExists),
    ),
    Operation[Position | None, RoomQuery](
        name="listRooms",
        method="GET",
        path="/v1/rooms",
        summary="List rooms",
        description=(
            "The tenant's rooms, newest first; of who is signed in and no administrator, their own. `next` is the "
            "cursor of the next page, null on the last."
        ),
        query=RoomQuery,
        find=rooms.find_page,
        allows=rules.ROOM_OWNERS,
        act=rooms.list_page,
        status=200,
        answer=RoomList,
    ),
    Operation[OfRoom, None](
        name="getRoom",
        method="GET",
        path=_ROOM,
        summary="Get a room",
        find=targets.room,
        allows=rules.MEMBERS,
        act=rooms.get,
        status=200,
        answer=RoomView,
    ),
    Operation[RoomChange, ChangeRoom](
        name="changeRoom",
        method="PATCH",
        path=_ROOM,
        summary="Change a room",
        description=(
            "A `title` or `scheduledFor` that is null is removed. Settings that are left out stay as they are. Who may "
            "unmute, share and chat, and that nobody has to wait any more, applies at once; the rest from the next "
            "JoinRoom on."
        ),
        body=ChangeRoom,
        find=rooms.find_changed,
        allows=rules.HOSTS,
        act=rooms.change,
        status=200,
        answer=RoomView,
    ),
    Operation[OfRoom, None](
        name="deleteRoom",
        method="DELETE",
        path=_ROOM,
        summary="Delete a room",
        description="Ends its meeting, and deletes its sessions and recordings.",
        find=targets.room,
        allows=rules.THE_HOST,
        act=rooms.delete,
        status=204,
    ),
    Operation[Joiner, JoinRequest](
        name="joinRoom",
        method="POST",
        path=_ROOM + "/join",
        summary="Join a room",
        description=(
            "Returns a room token, which lives an hour, the ICE servers, and the addresses to connect to. "
            "A `userId` that is not known yet becomes a user. An invite makes new users only, guests, whose ids are "
            "apart from those of the tenant's users. Who comes back sends their own room token, which is renewed for "
            "up to 24 hours after they were first admitted."
        ),
        body=JoinRequest,
        find=targets.joiner,
        allows=rules.SPEAKERS,
        check=join.check,
        act=join.join,
        status=200,
        answer=JoinGrant,
        refuses=(RoleNotAllowed, AlreadyExists, RoomLocked, RoomFull, QuotaExceeded),
    ),
    Operation[Joiner, EntryQuery](
        name="checkEntry",
        method="GET",
        path=_ROOM + "/entry",
        summary="Check whether one may join",
        description=(
            "Refuses what a join would refuse, and changes nothing: an invite is not used, no user is made. "
            "`userId` is of effect with an API key only; without it, the answer is for somebody new."
        ),
        query=EntryQuery,
        find=targets.entrant,
        allows=rules.SPEAKERS,
        check=join.check,
        act=join.entry,
        status=200,
        answer=EntryView,
        refuses=(RoleNotAllowed, AlreadyExists, RoomLocked, RoomFull, QuotaExceeded),
    ),
    Operation[OfRoom, None](
        name="endRoom",
        method="POST",
        path=_ROOM + "/end",
        summary="End the meeting",
        description="Everyone in it is told and disconnected. Without a meeting this has no effect.",
        find=targets.room,
        allows=rules.HOSTS,
        act=rooms.end,
        status=204,
    ),
    Operation[OfRoom, CreateInvite](
        name="createInvite",
        method="POST",
        path=_ROOM + "/invites",
        summary="Create an invite",
        description=(
            "Whoever holds it may join the room in that role as a new guest, until it expires or has made `maxUses` "
            "guests. A host by invite is a co-host: they cannot remove or mute the room's own host or delete the room. "
            "`url` is a short link; with a `password`, whoever opens it is asked for that. `inviteToken` is the invite "
            "opened. With an `event`, `calendar` is a file for it (RFC 5545), with the room's title and time unless "
            "others are given."
        ),
        body=CreateInvite,
        find=targets.room,
        allows=rules.HOSTS,
        check=invites.check_event,
        act=invites.create,
        status=201,
        answer=InviteCreated,
    ),
    Operation[OfRoom, OpenInvite](
        name="openInvite",
        method="POST",
        path="/v1/invites/open",
        summary="Open an invite",
        description=(
            "By the code of its short link, `Authorization: Bearer abcd-efgh-jkmn`: the room and the `inviteToken` to "
            "join it with. Nothing is used up."
        ),
        body=OpenInvite,
        body_is_optional=True,
        find=targets.opened,
        allows=rules.CODE_HOLDERS,
        act=invites.open_by_code,
        status=200,
        answer=InviteOpened,
        refuses=(PasswordRequired, WrongPassword),
    ),
    Operation[OfRoom, None](
        name="listInvites",
        method="GET",
        path=_ROOM + "/invites",
        summary="List invites",
        description="Those that have not expired and were not deleted, newest first, with the guests each has made.",
        find=targets.room,
        allows=rules.HOSTS,
        act=invites.list_invites,
        status=200,
        answer=list[InviteView],
    ),
    Operation[OfInvite, None](
        name="deleteInvite",
        method="DELETE",
        path=_ROOM + "/invites/{invite_id}",
        summary="Delete an invite",
        description="Keeps out whoever has not joined by it yet. Its guests stay: see removeParticipant.",
        find=targets.invite,
        allows=rules.HOSTS,
        act=invites.delete,
        status=204,
    ),
    Operation[OfRoom, None](
        name="listParticipants",
        method="GET",
        path=_ROOM + "/participants",
        summary="List participants",
        description="Those who are in the meeting, in the order in which they joined.",
        find=targets.room,
        allows=rules.MEMBERS,
        act=members.list_participants,
        status=200,
        answer=list[ParticipantView],
    ),
    Operation[OfParticipant, RemovalQuery](
        name="removeParticipant",
        method="DELETE",
        path=_ROOM + "/participants/{user_id}",
        summary="Remove a participant",
        description=(
            "For this meeting every token becomes void that goes back to an admission before, renewed ones too. With "
            "`ban=true` a guest is kept out for good, with every token of the same use of an invite; they need not be "
            "in the meeting."
        ),
        query=RemovalQuery,
        find=targets.removable,
        allows=rules.HOSTS_OF,
        act=members.remove_participant,
        status=204,
    ),
    Operation[OfRoom, None](
        name="listSessions",
        method="GET",
        path=_ROOM + "/sessions",
        summary="List sessions",
        description="The meetings held in this room, newest first.",
        find=targets.room,
        allows=rules.HOSTS,
        act=members.list_sessions,
        status=200,
        answer=list[SessionView],
    ),
    Operation[OfRoom, None](
        name="listRecordings",
        method="GET",
        path=_RECORDINGS,
        summary="List recordings",
        description="The room's recordings, newest first. `url` is signed and works until `expiresAt`.",
        find=targets.room,
        allows=rules.HOSTS,
        act=recordings.list_recordings,
        status=200,
        answer=list[RecordingView],
    ),
    Operation[OfRecording, None](
        name="getRecording",
        method="GET",
        path=_RECORDINGS + "/{recording_id}",
        summary="Get a recording",
        description="`progress` says how far its film is.",
        find=targets.recording,
        allows=rules.HOSTS,
        act=recordings.get,
        status=200,
        answer=RecordingView,
    ),
    Operation[OfRoom, StartRecording](
        name="startRecording",
        method="POST",
        path=_RECORDINGS,
        summary="Start recording",
        description=(
            "Everyone in the meeting is told before anything is recorded. The recording goes on until it is stopped or "
            "the meeting ends; then its film is made, in the `layout` given (`grid` unless it is)."
        ),
        body=StartRecording,
        body_is_optional=True,
        find=targets.room,
        allows=rules.HOSTS,
        check=recordings.check_start,
        act=recordings.start,
        status=202,
        answer=RecordingStarted,
        refuses=(NoSession, AlreadyRecording),
    ),
    Operation[OfRecording, None](
        name="stopRecording",
        method="POST",
        path=_RECORDINGS + "/{recording_id}/stop",
        summary="Stop a recording",
        description="May be called again. The film follows: see the recording's `status` and `progress`.",
        find=targets.recording,
        allows=rules.HOSTS,
        act=recordings.stop,
        status=202,
    ),
    Operation[OfRecording, ComposeRecording](
        name="composeRecording",
        method="POST",
        path=_RECORDINGS + "/{recording_id}/compose",
        summary="Make another film",
        description="Of the same raw files, in the `layout` given. It is a recording of its own.",
        body=ComposeRecording,
        find=targets.recording,
        allows=rules.HOSTS,
        check=recordings.check_compose,
        act=recordings.compose,
        status=202,
        answer=RecordingStarted,
        refuses=(AlreadyRecording,),
    ),
    Operation[OfRecording, None](
        name="deleteRecording",
        method="DELETE",
        path=_RECORDINGS + "/{recording_id}",
        summary="Delete a recording",
        description=(
            "With it go its tracks, its raw files and all films of these; a track or another film goes alone. "
            "The files in storage are deleted soon after. A recording that is running is stopped."
        ),
        find=targets.recording,
        allows=rules.HOSTS,
        act=recordings.delete,
        status=204,
    ),
    Operation[None, None](
        name="listNodes",
        method="GET",
        path="/v1/nodes",
        summary="List SFU nodes",
        description=(
            "Those that are alive, with their load, by region. They carry every tenant's meetings, so they are shown "
            "only where the operator has set `TERTULIA_SHOW_NODES`."
        ),
        find=targets.nothing,
        allows=rules.ADMINISTRATORS,
        check=nodes.check,
        act=nodes.list_nodes,
        status=200,
        answer=list[NodeView],
    ),
    Operation[tuple[Position | None, datetime | None], AuditQuery](
        name="listAudit",
        method="GET",
        path="/v1/audit",
        summary="Read the audit log",
        description=(
            "Who did what, to whom, from where and when, newest first. `since` leaves out what was before. "
            "`next` is the cursor of the next page, null on the last."
        ),
        query=AuditQuery,
        find=audit.find_page,
        allows=rules.ADMINISTRATORS,
        act=audit.list_page,
        status=200,
        answer=AuditList,
    ),
    Operation[object, None](
        name="testConnection",
        method="POST",
        path="/v1/connection-tests",
        summary="Test a connection",
        description=(
            "Makes a room for two that lasts a minute: by the first of the `tokens` somebody sends media to "
            "themselves, who receives by the second. Nothing is left of it. Tests are limited for each credential and "
            "web worker, also in development."
        ),
        find=targets.nothing,
        allows=rules.PEOPLE,
        check=connection_tests.check,
        act=connection_tests.create,
        status=201,
        answer=ConnectionTest,
        refuses=(QuotaExceeded,),
    ),
    Operation[None, None](
        name="getSignIn",
        method="GET",
        path="/v1/sign-in",
        summary="Get one's sign-in",
        description="Who is signed in, and until when at most.",
        find=targets.nothing,
        allows=rules.SIGNED_IN,
        act=sign_ins.get,
        status=200,
        answer=SignInView,
    ),
    Operation[None, None](
        name="endSignIn",
        method="DELETE",
        path="/v1/sign-in",
        summary="Sign out",
        description="In this browser, and at once. Meetings that one is in go on.",
        find=targets.nothing,
        allows=rules.SIGNED_IN,
        act=sign_ins.end,
        status=204,
    ),
    Operation[UserId, CreateUser](
        name="createUser",
        method="POST",
        path="/v1/users",
        summary="Create a user",
        body=CreateUser,
        find=users.find_new,
        allows=rules.OWNERS,
        check=users.check_new,
        act=users.create,
        status=201,
        answer=UserView,
        refuses=(AlreadyExists,),
    ),
    Operation[User, None](
        name="getUser",
        method="GET",
        path="/v1/users/{user_id}",
        summary="Get a user",
        find=targets.user,
        allows=rules.THE_USER,
        act=users.get,
        status=200,
        answer=UserView,
    ),
)
"""Their checks, in order: ``find`` (404), ``allows`` (403), ``check`` (403, 409), and then those that all have."""
