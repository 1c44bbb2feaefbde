"""Whatever happens, in whatever order: participantCount = HLEN = the people really connected.

A model of three hubs that behave as ours do, and one room. What each hub holds is the truth; ``written`` is what Redis
must contain; ``mirror`` is what a process learns that only listens to the channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tertulia.errors import BadToken, NotJoined, Refused, RoomFull
from tertulia.ids import HubId, NodeId, RoomId, SeatId, SessionId, UserId, new_token, new_uuid
from tertulia.redis.channels import Channels
from tertulia.room.answers import Joined, KeptAlive, Left, StateLost
from tertulia.room.messages import EndedMessage, EventMessage, JoinedMessage, LeftMessage, encode
from tertulia.room.participant import Participant
from tertulia.room.steps import JoinSeat, KnownRoom, Placement
from tertulia.state import keys
from tertulia.state.connection import connect_redis
from tertulia.state.rooms import RoomState
from tests.integration.state.rooms import Inbox, counts, new_connection, new_room, new_user, now_ms, ttls

T = TypeVar("T")

HUBS = 3
USERS = 5
LIMIT = 3
SILENT_MS = 30_000
TTL_MS = 90_000

AGE = """
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then redis.call('ZINCRBY', KEYS[1], -tonumber(ARGV[2]), ARGV[1]) end
"""
WATCHED = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  local now = redis.call('TIME')[1] * 1000
  redis.call('HSET', KEYS[1], 'sweptAt', string.format('%.0f', now), 'watchedFrom', '1')
end
"""


@dataclass
class Hub:
    """What one hub process knows of the room."""

    state: RoomState
    name: str
    held: dict[UserId, Participant] = field(default_factory=dict)
    incarnation: str | None = None


class Servers:
    """The connections, made once for all examples."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.run = self.runner.run
        self.clients = [self.run(connect_redis(url)) for _ in range(HUBS + 1)]
        self.channels = self.run(self._channels())

    async def _channels(self) -> Channels:
        return Channels(self.clients[HUBS])

    def close(self) -> None:
        self.run(self.channels.close())
        for client in self.clients:
            self.run(client.close())
        self.runner.close()


def machine(servers: Servers) -> type[RuleBasedStateMachine]:
    """The state machine on those connections."""

    class Room(RuleBasedStateMachine):
        connections = Bundle("connections")

        def __init__(self) -> None:
            super().__init__()
            self.redis = servers.clients[HUBS]
            self.room: RoomId = new_room()
            self.users = [new_user() for _ in range(USERS)]
            self.hubs = [
                Hub(RoomState(c, HubId(f"hub-{i}"), TTL_MS), f"hub-{i}") for i, c in enumerate(servers.clients[:HUBS])
            ]
            self.session = SessionId(new_uuid())
            self.written: dict[UserId, Participant] = {}
            self.mirror: dict[str, Participant] = {}
            self.exists = False
            """Whether Redis has the room's state, whole."""
            self.dirty = False
            """Parts of a lost state are left."""
            self.overrun = False
            """After a loss those who come back, with those who came meanwhile, may be more than the limit."""
            self.inbox = Inbox()

        def run(self, what: Coroutine[Any, Any, T]) -> T:
            result: T = servers.run(what)
            return result

        @initialize()
        def listen(self) -> None:
            channel = keys.room_events(self.room)
            self.run(servers.channels.subscribe(channel, self.inbox.on_message, self.inbox.on_gap))

        # -- what happens ---------------------------------------------------------------------------------------------

        @rule(target=connections, hub=st.integers(0, HUBS - 1), user=st.integers(0, USERS - 1), returning=st.booleans())
        def join(self, hub: int, user: int, returning: bool) -> tuple[int, Participant] | None:
            who = self.users[user]
            was = self.written.get(who)
            full = len(self.written) >= LIMIT and was is None
            try:
                joined = self.run(self._join(hub, who, was.resume if was and returning else None))
            except RoomFull:
                assert full
                return None
            assert not full
            me = joined.participant
            assert joined.first_of_session == (not self.exists)
            assert {p.user_id: p for p in joined.others} == {u: p for u, p in self.written.items() if u != who}
            if was is not None:
                assert joined.replaced == was
                assert joined.resumed == returning
                assert (me.seat == was.seat) == returning
                assert (me.joined_at, me.is_muted, me.hand_raised) == (was.joined_at, was.is_muted, was.hand_raised)
                assert me.said_video_off == was.said_video_off
            self._made()
            self._sat_down(hub, joined)
            return hub, me

        @rule(connection=connections, clean=st.booleans())
        def leave(self, connection: tuple[int, Participant] | None, clean: bool) -> None:
            if connection is None:
                return
            hub, me = connection
            left = self.run(
                self.hubs[hub].state.leave(self.room, me.user_id, me.connection_id, "left" if clean else "closed")
            )
            holds = self._holds(me)
            assert (left is not None) == holds
            if holds:
                del self.written[me.user_id]
                assert left is not None
                assert left.remaining == len(self.written)
            self._forget(me)

        @rule(connection=connections)
        def keep_alive(self, connection: tuple[int, Participant] | None) -> None:
            if connection is None or self.hubs[connection[0]].incarnation is None:
                return
            hub, me = connection
            found = self.run(self._keep_alive(hub, me))
            if found is KeptAlive.LOST:
                assert not self.exists or self.hubs[hub].incarnation != self._incarnation()
                if self.hubs[hub].held:
                    self._restore(hub)
            else:
                assert (found is KeptAlive.ALIVE) == self._holds(me)
                if found is KeptAlive.NOT_JOINED:
                    self._forget(me)

        @rule(connection=connections, muted=st.booleans(), video=st.none() | st.booleans())
        def update(self, connection: tuple[int, Participant] | None, muted: bool, video: bool | None) -> None:
            if connection is None:
                return
            hub, me = connection
            user = me.user_id
            incarnation = self.hubs[hub].incarnation or "?"
            try:
                changed = self.run(
                    self.hubs[hub].state.update(
                        self.room,
                        user,
                        me.connection_id,
                        incarnation,
                        is_muted=muted,
                        is_video_on=video,
                    )
                )
            except NotJoined:
                assert not self._holds(me)
                return
            except StateLost:
                return
            assert self._holds(me)
            now = self.run(self.hubs[0].state.participant(self.room, user))
            assert now is not None
            before = self.written[user]
            assert now.is_muted == muted
            assert now.is_video_on == (before.is_video_on if video is None else video)
            assert now.said_video_off == (before.said_video_off if video is None else not video)
            assert (changed is None) == (now == before)
            self.written[user] = now
            self._hold(hub, now)

        @rule(user=st.integers(0, USERS - 1))
        def remove(self, user: int) -> None:
            who = self.users[user]
            issued = now_ms() - 1
            removed = self.run(self.hubs[0].state.remove(self.room, who))
            assert (removed is not None) == (who in self.written)
            if removed is not None:
                with pytest.raises(BadToken):
                    self.run(self._join(1, who, None, issued=issued))
                self._forget(self.written.pop(who))

        @rule(hub=st.integers(0, HUBS - 1), silent=st.sets(st.integers(0, USERS - 1)))
        def expire(self, hub: int, silent: set[int]) -> None:
            """Some seats have been silent too long."""
            gone = [self.users[i] for i in silent if self.users[i] in self.written]
            self.run(self._age(gone))
            expired = self.run(self.hubs[hub].state.expire(self.room, SILENT_MS))
            if not self.exists:
                assert expired is None
                return
            assert expired is not None
            assert {p.user_id for p in expired.participants} == set(gone)
            for user in gone:
                self._forget(self.written.pop(user))
            assert expired.remaining == len(self.written)

        @rule(hub=st.integers(0, HUBS - 1))
        def hub_dies(self, hub: int) -> None:
            """kill -9, and another takes its place; its seats are swept when their time is over."""
            ghosts = list(self.hubs[hub].held)
            self.hubs[hub].held.clear()
            self.hubs[hub].incarnation = None
            self.expire((hub + 1) % HUBS, {self.users.index(user) for user in ghosts})

        @rule()
        def state_is_lost(self) -> None:
            self.run(self._delete(keys.room_keys(self.room)))
            self._lost()

        @precondition(lambda self: self.written)
        @rule(which=st.integers(0, 2))
        def state_is_half_lost(self, which: int) -> None:
            self.run(self._delete(keys.room_keys(self.room)[which : which + 1]))
            self._lost()
            self.dirty = True

        @rule()
        def every_hub_keeps_alive(self) -> None:
            """What happens within one keep-alive interval."""
            for index, hub in enumerate(self.hubs):
                for me in list(hub.held.values()):
                    if me.user_id in hub.held:
                        self.keep_alive((index, me))
            if any(hub.held for hub in self.hubs):
                assert self.exists

        @rule()
        def end(self) -> None:
            self.run(self.hubs[0].state.end(self.room, "host"))
            self.written.clear()
            for hub in self.hubs:
                hub.held.clear()
                hub.incarnation = None
            self.session = SessionId(new_uuid())
            self.exists = self.dirty = self.overrun = False
            assert self.run(ttls(self.redis, self.room)) == {}

        @rule(
            calls=st.lists(
                st.tuples(
                    st.sampled_from(["join", "leave", "sweep", "remove"]),
                    st.integers(0, HUBS - 1),
                    st.integers(0, USERS - 1),
                ),
                min_size=2,
                max_size=20,
            )
        )
        def all_at_once(self, calls: list[tuple[str, int, int]]) -> None:
            """Calls that race each other; the channel tells in which order they took effect."""
            if self.dirty:
                return
            before, unwritten = len(self.written), {u for hub in self.hubs for u in hub.held if u not in self.written}
            outcomes = self.run(self._race(calls))
            for outcome in outcomes:
                if isinstance(outcome, BaseException) and not isinstance(outcome, Refused):
                    raise outcome
            self.run(self._hear())
            self.written = {UserId(u): p for u, p in self.mirror.items()}
            assert len(self.written) <= max(before, LIMIT)
            for hub in self.hubs:
                pending = {u: p for u, p in hub.held.items() if u not in self.written and u in unwritten}
                hub.held = pending | {u: p for u, p in self.written.items() if p.hub == hub.name}
            for (kind, index, user), outcome in zip(calls, outcomes, strict=True):
                if isinstance(outcome, Joined):
                    self.hubs[index].incarnation = outcome.incarnation
                    self.exists = True
                elif kind == "leave" and self.users[user] in unwritten:
                    self.hubs[index].held.pop(self.users[user], None)
            for index in range(HUBS):
                self._restore_unwritten(index)

        # -- what holds -----------------------------------------------------------------------------------------------

        @invariant()
        def count_is_size_is_people(self) -> None:
            found = self.run(ttls(self.redis, self.room))
            assert all(0 < ttl <= TTL_MS for ttl in found.values()), found
            if self.dirty:
                return
            n = len(self.written)
            assert self.run(counts(self.redis, self.room)) == (n, n, n)
            assert self.overrun or n <= LIMIT
            stored = self.run(self.hubs[0].state.participants(self.room))
            assert {p.user_id: p for p in stored} == self.written
            self.run(self._hear())
            assert set(self.mirror) == set(self.written)
            assert {u: p.connection_id for u, p in self.mirror.items()} == {
                u: p.connection_id for u, p in self.written.items()
            }

        def teardown(self) -> None:
            self.every_hub_keeps_alive()
            held = {u for hub in self.hubs for u in hub.held}
            if self.exists:
                self.expire(0, {i for i, u in enumerate(self.users) if u not in held})
                self.count_is_size_is_people()
                assert held == set(self.written)
            self.end()
            servers.run(self._stop_listening())

        # -- how hubs behave ------------------------------------------------------------------------------------------

        async def _stop_listening(self) -> None:
            servers.channels.unsubscribe(keys.room_events(self.room))

        async def _join(self, hub: int, user: UserId, returning: str | None, issued: int | None = None) -> Joined:
            seat = JoinSeat(
                user_id=user,
                connection_id=new_connection(),
                display_name="Ada",
                role="attendee",
                is_muted=False,
                is_video_on=False,
                seat=SeatId(new_token("s")),
                resume=new_token("r"),
                returning=returning,
            )
            placement = Placement(region="r", node=NodeId("n"), session_id=self.session, incarnation=new_token("i"))
            # In the future: a removal earlier in this example does not count.
            issued = now_ms() + 60_000 if issued is None else issued
            return await self.hubs[hub].state.join(
                self.room, seat, max_participants=LIMIT, token_issued_at_ms=issued, placement=placement
            )

        async def _keep_alive(self, hub: int, me: Participant) -> KeptAlive:
            known = self.hubs[hub].incarnation
            assert known is not None
            return await self.hubs[hub].state.keep_alive(self.room, me.user_id, me.connection_id, known)

        async def _race(self, calls: list[tuple[str, int, int]]) -> list[Any]:
            async def one(kind: str, hub: int, user: UserId) -> Joined | Left | object:
                state = self.hubs[hub].state
                if kind == "join":
                    return await self._join(hub, user, None)
                if kind == "leave":
                    me = self.hubs[hub].held.get(user)
                    return me and await state.leave(self.room, user, me.connection_id, "left")
                if kind == "remove":
                    return await state.remove(self.room, user)
                await self._age([user])
                return await state.expire(self.room, SILENT_MS)

            raced = (one(kind, hub, self.users[user]) for kind, hub, user in calls)
            return await asyncio.gather(*raced, return_exceptions=True)

        def _restore(self, hub: int) -> None:
            me = self.hubs[hub]
            known = KnownRoom(region="r", node=NodeId("n"), session_id=self.session, is_recording=False)
            new = new_token("i")
            done = self.run(me.state.restore(self.room, known, list(me.held.values()), new))
            assert done.created == (not self.exists)
            if done.created:
                assert done.incarnation == new
            me.incarnation = done.incarnation
            displaced = {UserId(p.user_id) for p in done.displaced}
            assert displaced == {u for u, p in me.held.items() if u in self.written and not self._holds(p)}
            for user in displaced:
                del me.held[user]
            self.written |= me.held
            self._made()
            self.overrun = self.overrun or len(self.written) > LIMIT

        def _restore_unwritten(self, hub: int) -> None:
            if any(user not in self.written for user in self.hubs[hub].held):
                self._restore(hub)

        def _sat_down(self, hub: int, joined: Joined) -> None:
            me = joined.participant
            self.written[me.user_id] = me
            if joined.replaced is not None:
                self._forget(joined.replaced)
            self._hold(hub, me)
            self.hubs[hub].incarnation = joined.incarnation
            self._restore_unwritten(hub)

        def _hold(self, hub: int, me: Participant) -> None:
            self.hubs[hub].held[me.user_id] = me

        def _forget(self, me: Participant) -> None:
            for hub in self.hubs:
                held = hub.held.get(me.user_id)
                if held is not None and held.connection_id == me.connection_id:
                    del hub.held[me.user_id]

        def _holds(self, me: Participant) -> bool:
            sits = self.written.get(me.user_id)
            return sits is not None and sits.connection_id == me.connection_id

        def _lost(self) -> None:
            self.written.clear()
            self.run(self._hear())
            self.mirror.clear()
            self.exists = self.dirty = False

        def _made(self) -> None:
            self.exists, self.dirty = True, False

        def _incarnation(self) -> str | None:
            summary = self.run(self.hubs[0].state.summary(self.room))
            return None if summary is None else summary.incarnation

        async def _delete(self, names: tuple[str, ...]) -> None:
            await self.redis.call(names[0], "DEL", *names)

        async def _age(self, users: list[UserId]) -> None:
            seen, name = keys.seen(self.room), keys.room(self.room)
            for user in users:
                await self.redis.call(seen, "EVAL", AGE, "1", seen, user, str(SILENT_MS + 1000))
            await self.redis.call(name, "EVAL", WATCHED, "1", name)

        async def _hear(self) -> None:
            """Take in what came on the channel, up to now."""
            mark = EventMessage(origin="test", event="mark", payload=b"{}")  # type: ignore[arg-type]
            servers.channels.publish(keys.room_events(self.room), encode(mark))
            while not isinstance(message := await self.inbox.next(), EventMessage):
                if isinstance(message, JoinedMessage):
                    self.mirror[message.user_id] = message.participant
                elif isinstance(message, LeftMessage):
                    assert self.mirror.pop(message.user_id).connection_id == message.connection_id
                elif isinstance(message, EndedMessage):
                    self.mirror.clear()

    return Room


def test_count_is_always_the_people_really_connected(redis_url: str) -> None:
    servers = Servers(redis_url)
    try:
        run_state_machine_as_test(
            machine(servers),
            settings=settings(
                max_examples=60,
                stateful_step_count=30,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        servers.close()
