"""The model of Redis does what the scripts do: the same random calls, on a real server and on the model.

After every step the replies, the messages on the channel and the keys are compared; what depends on the time to
the millisecond is compared as an age. Of calls that race each other there must be an order in which the model answers
the same.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from tertulia import times
from tertulia.contract.calls import Permissions
from tertulia.contract.events import ChatMessage
from tertulia.errors import Refused, UserRemoved
from tertulia.ids import ConnectionId, HubId, NodeId, RecordingId, SeatId, SessionId, UserId, new_token, new_uuid
from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.redis.script import Script
from tertulia.room.answers import Joined, MustWait, Restored, StateLost
from tertulia.room.messages import EndedMessage, EventMessage, JoinedMessage, LeftMessage, RoomMessage, encode
from tertulia.room.participant import Participant
from tertulia.room.steps import JoinSeat, KnownRoom, Placement
from tertulia.state import keys
from tertulia.state.connection import connect_redis
from tertulia.state.rooms import RoomState
from tests.integration.state.rooms import Inbox, new_room, new_user
from tests.world.redis import NO_TTL, Keys, ModelState
from tests.world.redis import Redis as Model

ROOMS = 60
"""For each kind of server."""
STEPS = 60
HUBS = 3
USERS = 5
RECORDINGS = 12
"""More than are remembered to be over."""
MESSAGES = ("m-1", "m-2", "m-3")
LIMIT = 3
TTL_MS = 90_000
SILENT_MS = 30_000
EMPTY_MS = 62_000
JUMPS_MS = (4_000, 8_000, 12_000, 32_000, 64_000)
"""Multiples of 4 s, so that no threshold (10, 30, 62, 90 s) is nearer than the time that a room's steps may take."""
LASTS_SECONDS = 1.5
"""A room is left alone when its steps have taken that long."""
TOLERANCE_MS = 1_000
"""Between the clocks of Redis and the model."""

LOOK = Script(
    "look",
    """
redis.call('SPUBLISH', ARGV[1], ARGV[2])
local time, ttls = redis.call('TIME'), {}
for i = 1, #KEYS do ttls[i] = redis.call('PTTL', KEYS[i]) end
return {tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000), ttls, redis.call('HGETALL', KEYS[1]),
  redis.call('HGETALL', KEYS[2]), redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES'), redis.call('HGETALL', KEYS[4]),
  redis.call('HGETALL', KEYS[6])}
""",
)
"""All that is known of a room, after a mark on its channel."""

AGE = Script(
    "age",
    """
local by = tonumber(ARGV[1])
local function shift(key, field) redis.call('HINCRBY', key, field, -by) end
for _, field in ipairs({'emptySince', 'sweptAt', 'watchedFrom'}) do
  if redis.call('HEXISTS', KEYS[1], field) == 1 then shift(KEYS[1], field) end
end
for _, user in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do redis.call('ZINCRBY', KEYS[3], -by, user) end
for _, user in ipairs(redis.call('HKEYS', KEYS[2])) do
  local text = redis.call('HGET', KEYS[2], user)
  local function older(name, at) return name .. string.format('%.0f', tonumber(at) - by) end
  redis.call('HSET', KEYS[2], user, (text:gsub('("admittedAtMs":)(%d+)', older)))
end
for _, user in ipairs(redis.call('HKEYS', KEYS[4])) do
  if user ~= '' then shift(KEYS[4], user) end
end
for i = 1, #KEYS do
  local ttl = redis.call('PTTL', KEYS[i])
  if ttl >= 0 then redis.call('PEXPIRE', KEYS[i], ttl - by) end
end
""",
)
"""Let time pass: everything is older by ARGV[1] milliseconds."""

SINCE = {"emptySince", "sweptAt", "watchedFrom"}


class Call(NamedTuple):
    """A call of :class:`RoomState`, without the room."""

    hub: int
    name: str
    args: tuple[Any, ...] = ()
    more: dict[str, Any] = {}  # noqa: RUF012 - never changed
    ages: Ages | None = None
    """Each side reckons by its own clock."""


class Ages(NamedTuple):
    """How long ago something was, in milliseconds."""

    admitted: int | None = None
    """The admission of who joins."""
    done: int | None = None
    """The removal that is done again."""
    removed: dict[UserId, int] = {}  # noqa: RUF012 - never changed
    """What SQL knows."""
    joined: tuple[int, ...] = ()
    """The members who are restored."""


@dataclass
class Clients:
    """Three hubs' connections to Redis, and one that listens."""

    hubs: list[Redis]
    listener: Redis
    channels: Channels

    @classmethod
    async def connect(cls, url: str) -> Clients:
        *hubs, listener = [await connect_redis(url) for _ in range(HUBS + 1)]
        return cls(hubs, listener, Channels(listener))

    async def close(self) -> None:
        await self.channels.close()
        for client in (*self.hubs, self.listener):
            await client.close()


class Clock:
    """The model's: the time of day, plus what was let pass, a millisecond later each time it is asked."""

    def __init__(self) -> None:
        self.ahead = 0
        self._last = 0

    def now(self) -> int:
        self._last = max(self._last + 1, int(time.time() * 1000) + self.ahead)
        return self._last


class Same:
    """Whether two values are the same but for the time: a member's ``joined_at`` in one stands for one in the other,
    and the age of their admission is about the same."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.joined_at: dict[tuple[str, str], str] = {}

    def copy(self) -> Same:
        other = Same(self.clock)
        other.joined_at = dict(self.joined_at)
        return other

    def __call__(self, real: Any, model: Any) -> bool:
        if type(real) is not type(model):
            return False
        if isinstance(real, Participant) and isinstance(model, Participant):
            return self._same_member(real, model)
        if isinstance(real, list):
            if len(real) != len(model):
                return False
            return all(map(self, sorted(real, key=_order), sorted(model, key=_order)))
        if isinstance(real, msgspec.Struct):
            return all(self._same_field(name, real, model) for name in real.__struct_fields__)
        return bool(real == model)

    def _same_field(self, name: str, real: Any, model: Any) -> bool:
        if name == "at_ms":  # what it is written to is compared by its age
            return True
        was, expected = getattr(real, name), getattr(model, name)
        if name == "empty_for_ms" and was is not None and expected is not None:
            return bool(abs(was - expected) < TOLERANCE_MS)
        return self(was, expected)

    def _same_member(self, real: Participant, model: Participant) -> bool:
        known = self.joined_at.setdefault((model.user_id, model.joined_at), real.joined_at)
        like = msgspec.structs.replace(model, joined_at=known, admitted_at_ms=real.admitted_at_ms)
        ahead = model.admitted_at_ms - real.admitted_at_ms
        return like == real and abs(ahead - self.clock.ahead) < TOLERANCE_MS

    def messages(self, real: list[RoomMessage], model: list[RoomMessage]) -> bool:
        """The same messages in the same order; but seats that one sweep frees go in the order of milliseconds."""
        return len(real) == len(model) and all(map(self, _by_sweep(real), _by_sweep(model)))


def _by_sweep(messages: list[RoomMessage]) -> list[RoomMessage]:
    """The seats that a sweep freed in the order of their users."""
    result: list[RoomMessage] = []
    for is_sweep, run in itertools.groupby(messages, lambda m: isinstance(m, LeftMessage) and m.reason == "timeout"):
        freed = list(run)
        result += sorted(freed, key=_order) if is_sweep else freed
    return result


def _order(item: Any) -> str:
    return str(getattr(item, "user_id", ""))


class Pair:
    """One room on a real server and in the model."""

    def __init__(self, clients: Clients) -> None:
        self.room = new_room()
        self.inbox = Inbox()
        self.clients = clients
        self.real = [RoomState(client, HubId(f"hub-{i}"), TTL_MS) for i, client in enumerate(clients.hubs)]
        self.said: list[RoomMessage] = []
        self.clock = Clock()
        self.model = Model(lambda _, message: self.said.append(message), self.clock.now())
        self.same = Same(self.clock)
        self.log: list[str] = []
        self.members: dict[UserId, ConnectionId] = {}
        """What a process knows that only listens to the channel."""
        self.is_broken = False
        """A part of the state was deleted."""
        self.was_restored = False
        """Those who come back after a loss, with those who came meanwhile, may be more than the limit."""

    async def __aenter__(self) -> Pair:
        await self.clients.channels.subscribe(keys.room_events(self.room), self.inbox.on_message, self.inbox.on_gap)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.clients.channels.unsubscribe(keys.room_events(self.room))

    # --- steps

    async def call(self, call: Call) -> Any:
        """Make the call on both, compare, and give the reply."""
        self.log.append(str(call))
        real = await self._really(call)
        model = self._modelled(self.model, call)
        assert self.same(real, model), self._differs("replies", real, model)
        await self.compare(call)
        return real

    async def race(self, calls: Sequence[Call]) -> list[Any]:
        """Make the calls at once. The model must have an order that gives the same replies, messages and keys."""
        self.log.append(f"at once: {calls}")
        real = await asyncio.gather(*(self._really(call) for call in calls))
        look, heard = await self._look()
        for model, said, same in self._orders(self.model, [], self.same, list(zip(calls, real, strict=True))):
            if same.messages(heard, said) and same_keys(same, look, model.keys(self.room), model.now_ms):
                self.model, self.same = model, same
                self.model.publish = lambda _, message: self.said.append(message)
                self._check_invariants(calls, heard)
                return list(real)
        raise AssertionError(self._differs("races", real, "no order of the calls"))

    async def jump(self, ms: int) -> None:
        """Let time pass."""
        self.log.append(f"{ms} ms pass")
        await self._run(AGE, str(ms))
        self.clock.ahead += ms
        self.model.now_ms = self.clock.now()
        await self.compare()

    async def delete(self, *which: int) -> None:
        """Delete keys, as an operator or an eviction does."""
        self.log.append(f"keys {which} are deleted")
        names = [keys.room_keys(self.room)[index] for index in which]
        await self.clients.listener.call(names[0], "DEL", *names)
        self.model.keys(self.room).delete(*which)
        self.is_broken = True
        await self.compare()

    # --- comparing

    async def compare(self, *calls: Call) -> None:
        """The messages since the last step, in order, and the keys as they are now."""
        look, heard = await self._look()
        said = list(self.said)
        self.said.clear()
        assert self.same.messages(heard, said), self._differs("messages", heard, said)
        model = self.model.keys(self.room)
        assert same_keys(self.same, look, model, self.model.now_ms), self._differs("keys", look, _fields(model))
        self._check_invariants(calls, heard)

    def _check_invariants(self, calls: Sequence[Call], heard: Sequence[RoomMessage]) -> None:
        """Of the keys as the model has them, which are those of the server."""
        now, room = self.model.now_ms, self.model.keys(self.room)
        assert all(now < at <= now + TTL_MS for key, at in zip(room.all, room.expires, strict=True) if key), self.log
        self.was_restored = bool(room.people) and (self.was_restored or any(c.name == "restore" for c in calls))
        assert self.was_restored or len(room.people) <= LIMIT, self.log
        self._hear(heard)
        if room.is_intact:
            self.is_broken = False
            assert self.members == {user: member.connection_id for user, member in room.people.items()}, self.log
        else:
            assert self.is_broken or not any(room.all[:3]), self.log
            self.members.clear()

    def _hear(self, heard: Sequence[RoomMessage]) -> None:
        for message in heard:
            if isinstance(message, JoinedMessage):
                self.members[message.user_id] = message.participant.connection_id
            elif isinstance(message, LeftMessage):
                assert self.members.pop(message.user_id) == message.connection_id, self.log
            elif isinstance(message, EndedMessage):
                self.members.clear()

    async def _look(self) -> tuple[list[Any], list[RoomMessage]]:
        mark = EventMessage(origin="test", event="mark", payload=Raw(b"{}"))
        look = await self._run(LOOK, keys.room_events(self.room), encode(mark))
        heard: list[RoomMessage] = []
        while not isinstance(message := await self.inbox.next(), EventMessage):
            heard.append(message)
        return look, heard

    async def _run(self, script: Script, *args: str | bytes) -> Any:
        return await self.clients.listener.run(script, keys.room_keys(self.room), args)

    def _differs(self, what: str, real: Any, model: Any) -> str:
        return "\n".join([f"{what} differ after", *self.log, f"real:  {real}", f"model: {model}"])

    # --- calls

    async def _really(self, call: Call) -> Any:
        method = getattr(self.real[call.hub], call.name)
        try:
            return await method(self.room, *call.args, **_timed(call, int(time.time() * 1000)))
        except (Refused, StateLost, MustWait) as e:
            return type(e)

    def _modelled(self, model: Model, call: Call) -> Any:
        model.now_ms = max(model.now_ms + 1, self.clock.now())
        state = ModelState(model, HubId(f"hub-{call.hub}"), TTL_MS)
        try:
            return getattr(state, call.name)(self.room, *call.args, **_timed(call, model.now_ms))
        except (Refused, StateLost, MustWait) as e:
            return type(e)

    def _orders(
        self, model: Model, said: list[RoomMessage], same: Same, calls: list[tuple[Call, Any]]
    ) -> Iterator[tuple[Model, list[RoomMessage], Same]]:
        """What the model may have come to by these calls, given their replies."""
        if not calls:
            yield model, said, same
        for index, (call, reply) in enumerate(calls):
            mine, heard = same.copy(), list(said)
            copy = model.copy(lambda _, message, heard=heard: heard.append(message))  # type: ignore[misc]
            if mine(reply, self._modelled(copy, call)):
                yield from self._orders(copy, heard, mine, calls[:index] + calls[index + 1 :])


def _timed(call: Call, now_ms: int) -> dict[str, Any]:
    more, ages = dict(call.more), call.ages
    if ages is None:
        return more
    if ages.admitted is not None:
        more["admitted_at_ms"] = now_ms - ages.admitted
    if ages.done is not None:
        return more | {"done_at_ms": now_ms - ages.done}
    removals = {user: now_ms - age for user, age in ages.removed.items()}
    if call.name == "keep_out":
        return {"removals": removals}
    room = "placement" if call.name == "join" else "known"
    more[room] = msgspec.structs.replace(more[room], removals=removals)
    if ages.joined:
        more["members"] = [
            msgspec.structs.replace(
                member, joined_at=times.rfc3339(times.from_ms(now_ms - age)), admitted_at_ms=now_ms - age
            )
            for member, age in zip(more["members"], ages.joined, strict=True)
        ]
    return more


def same_keys(same: Same, look: list[Any], model: Keys, model_now: int) -> bool:
    """Whether the keys hold the same, times as ages."""
    now, ttls, room, people, seen, voided, standing = look
    removed = _pairs(voided)
    return (
        _same_ttls(ttls, model, model_now)
        and _same_hash(_pairs(room), model.hash, now, model_now)
        and same(
            [msgspec.json.decode(text, type=Participant) for text in _pairs(people).values()],
            list(model.people.values()),
        )
        and set(_pairs(people)) == set(model.people)
        and _same_ages(_pairs(seen), model.seen, now, model_now)
        and removed.pop("", "") == model.removed_from
        and _same_ages(removed, model.removed, now, model_now)
        and _pairs(standing) == model.standing
    )


def _same_ttls(ttls: list[int], model: Keys, model_now: int) -> bool:
    def same(ttl: int, key: object, expires: int) -> bool:
        if not key:
            return ttl == -2
        return ttl == -1 if expires == NO_TTL else ttl > 0 and abs(ttl - (expires - model_now)) < TOLERANCE_MS

    return all(map(same, ttls, model.all, model.expires))


def _same_hash(real: dict[str, str], model: dict[str, str], now: int, model_now: int) -> bool:
    times = {name: value for name, value in real.items() if name in SINCE}
    expected = {name: int(value) for name, value in model.items() if name in SINCE}
    rest = {name: value for name, value in real.items() if name not in SINCE}
    return _same_ages(times, expected, now, model_now) and rest == {k: v for k, v in model.items() if k not in SINCE}


def _same_ages(real: dict[str, str], model: Any, now: int, model_now: int) -> bool:
    return real.keys() == model.keys() and all(
        abs((now - int(real[name])) - (model_now - model[name])) < TOLERANCE_MS for name in real
    )


def _pairs(flat: list[bytes]) -> dict[str, str]:
    it = iter(flat)
    return {name.decode(): value.decode() for name, value in zip(it, it, strict=True)}


def _fields(model: Keys) -> dict[str, Any]:
    return {name: getattr(model, name) for name in Keys.__slots__}


# --- what happens to a room


@dataclass
class Player:
    """Chooses what happens next, from what has happened."""

    rng: random.Random
    users: list[UserId] = field(default_factory=lambda: [new_user() for _ in range(USERS)])
    seats: list[tuple[int, Participant]] = field(default_factory=list)
    """Who ever had a seat, and the hub; most of them no longer do."""
    incarnations: list[str] = field(default_factory=lambda: ["never"])
    recordings: list[RecordingId] = field(default_factory=lambda: [RecordingId(new_uuid()) for _ in range(RECORDINGS)])
    sessions: list[SessionId] = field(default_factory=lambda: [SessionId(new_uuid())])
    joins: int = 0

    def learn(self, call: Call, reply: Any) -> None:
        """Remember who sits, and in which incarnation."""
        if isinstance(reply, Joined):
            self.seats.append((call.hub, reply.participant))
            self.incarnations.append(reply.incarnation)
            self.sessions.append(reply.session_id)
        elif isinstance(reply, Restored):
            self.incarnations.append(reply.incarnation)

    def call(self) -> Call:
        """Any call, the frequent ones more often."""
        makers: list[tuple[int, Callable[[], Call]]] = [
            (10, self._join),
            (4, self._leave),
            (2, lambda: self._any("remove", self._user(), self.rng.choice([None, *self.sessions[-2:]]))),
            (2, self._remove_again),
            (2, self._keep_out),
            (5, lambda: self._on_seat("keep_alive")),
            (5, self._update),
            (2, lambda: self._on_seat("raise_hand", self._coin())),
            (2, lambda: self._on_seat("set_display_name", self.rng.choice(["Ada", "Zoë / \u2028", "x" * 100]))),
            (2, self._end),
            (4, lambda: self._any("expire", SILENT_MS)),
            (4, self._restore),
            (2, self._move),
            (2, lambda: self._on_seat("set_recording_opt_out", self._coin())),
            (4, self._control),
            (2, lambda: self._any("admit", [self._user(), self._user()], self._recent(self.incarnations))),
            (4, lambda: self._any("begin_recording", self._recording(), self._recent(self.sessions))),
            (3, lambda: self._any("end_recording", self._recording())),
            (4, self._keep_chat),
            (3, self._react),
            (2, lambda: self._any("chat", self._recent(self.sessions))),
            (1, lambda: self._any("summary")),
            (1, lambda: self._any("read", new_token())),
            (1, lambda: self._any("participants")),
            (1, lambda: self._any("participant", self._user())),
        ]
        weights = [weight for weight, _ in makers]
        return self.rng.choices([make for _, make in makers], weights)[0]()

    def _coin(self) -> bool:
        return self.rng.random() < 0.5

    def _user(self) -> UserId:
        return self.rng.choice(self.users)

    def _recording(self) -> RecordingId:
        return self.rng.choice(self.recordings)

    def _keep_chat(self) -> Call:
        target = self.rng.choice([None, self._user()])
        said = [
            ChatMessage(
                id=self.rng.choice(MESSAGES),
                user_id=self._user(),
                display_name='A "/" \\ 🎈',
                text=self.rng.choice(["hi", 'say "/" \\ 🎈\n']),
                sent_at="then",
                private=target is not None,
                target_user_id=target,
            )
            for _ in range(self.rng.randint(1, 3))
        ]
        return self._any("keep_chat", self._recent(self.sessions), said)

    def _react(self) -> Call:
        emoji = self.rng.choice([None, "👍", "❤️"])
        return self._any("react", self._recent(self.sessions), self.rng.choice(MESSAGES), self._user(), emoji)

    def _recent(self, items: Sequence[Any]) -> Any:
        """The last ones are the likeliest."""
        return items[-1 - min(int(self.rng.expovariate(0.5)), len(items) - 1)]

    def _any(self, name: str, *args: Any, **more: Any) -> Call:
        return Call(self.rng.randrange(HUBS), name, args, more)

    def _on_seat(self, name: str, *args: Any, **more: Any) -> Call:
        if not self.seats:
            return self._any(name, self._user(), ConnectionId("c"), "never", *args, **more)
        hub, me = self._recent(self.seats)
        return Call(hub, name, (me.user_id, me.connection_id, self._recent(self.incarnations), *args), more)

    def _join(self) -> Call:
        user, connection, returning = self._user(), ConnectionId(new_token("c")), None
        if self.seats and self.rng.random() < 0.4:
            _, was = self._recent(self.seats)
            user = was.user_id
            returning = self.rng.choice([was.resume, "wrong", None])
            connection = was.connection_id if self.rng.random() < 0.1 else connection
        seat = JoinSeat(
            user_id=user,
            connection_id=connection,
            display_name=self.rng.choice(["Ada", 'A "/" \\ 🎈\n']),
            role=self.rng.choice(["host", "attendee"]),
            is_muted=self._coin(),
            is_video_on=self._coin(),
            recording_opt_out=self._coin(),
            seat=SeatId(new_token("s")),
            resume=new_token("r"),
            returning=returning,
        )
        placement = Placement(
            region=self.rng.choice(["eu", "us"]),
            node=self.rng.choice([None, NodeId("n1"), NodeId("n2")]),
            session_id=SessionId(new_uuid()) if self._coin() else self._recent(self.sessions),
            was_open=self._coin(),
            recording=self.rng.choice([None, self._recording()]),
            incarnation=new_token("i"),
        )
        entry = self.rng.choice(["open", "open", "waits", "locked"])
        self.joins += 1
        limit = 0 if self.joins % 10 == 0 else LIMIT
        more = {"max_participants": limit, "placement": placement, "entry": entry}
        return Call(self.rng.randrange(HUBS), "join", (seat,), more, Ages(self._age(), removed=self._removed()))

    def _age(self) -> int:
        """Of an admission or a member. A removal is never so near to it: it is a multiple of 4 s old."""
        return self.rng.choice([-2_000, -2_000, 2_000, 18_000])

    def _removed(self) -> dict[UserId, int]:
        return {self._user(): 4_000} if self.rng.random() < 0.2 else {}

    def _remove_again(self) -> Call:
        """Of a removal that was done so long ago: 18 s are before all that is voided by `_removed`."""
        ages = Ages(done=self.rng.choice([2_000, 18_000]))
        return self._any("remove", self._user(), self._recent(self.sessions))._replace(ages=ages)

    def _keep_out(self) -> Call:
        ages = Ages(removed=self._removed())
        return self._any("keep_out", self._recent(self.sessions))._replace(ages=ages)

    def _leave(self) -> Call:
        call = self._on_seat("leave")
        user, connection, _ = call.args
        return call._replace(args=(user, connection, self.rng.choice(["left", "closed"])))

    def _update(self) -> Call:
        values = [None, True, False]
        return self._on_seat("update", is_muted=self.rng.choice(values), is_video_on=self.rng.choice(values))

    def _control(self) -> Call:
        return self._any(
            "control",
            self._user(),
            self._recent(self.incarnations),
            role=self.rng.choice([None, "host", "attendee"]),
            lowers_hand=self._coin(),
            is_spotlit=self.rng.choice([None, True, False]),
            permissions=self.rng.choice([None, Permissions(), Permissions(unmute=True, video=False)]),
        )

    def _end(self) -> Call:
        session = self._recent(self.sessions) if self._coin() else None
        return self._any("end", "host", session_id=session, only_if_empty_for_ms=self.rng.choice([None, 0, EMPTY_MS]))

    def _restore(self) -> Call:
        known = KnownRoom(
            region=self.rng.choice(["eu", "us"]),
            node=self.rng.choice([None, NodeId("n1"), NodeId("n2")]),
            session_id=self._recent(self.sessions),
            recording=self.rng.choice([None, self._recording()]),
        )
        mine = {me.user_id: me for _, me in self.seats[-4:] if self._coin()}
        ages = Ages(removed=self._removed(), joined=tuple(self._age() for _ in mine))
        more = {"known": known, "members": list(mine.values()), "new_incarnation": new_token("i")}
        return Call(self.rng.randrange(HUBS), "restore", (), more, ages)

    def _move(self) -> Call:
        nodes = [None, NodeId("n1"), NodeId("n2")]
        return self._any("move", self.rng.choice(nodes), self.rng.choice(nodes[1:]))


async def play(pair: Pair, rng: random.Random) -> int:
    """Let a room live for a while; how many steps that were."""
    player = Player(rng)
    start = time.monotonic()
    for step in range(STEPS):
        if time.monotonic() - start > LASTS_SECONDS:
            return step
        what = rng.random()
        if what < 0.09:
            await pair.jump(rng.choice(JUMPS_MS))
        elif what < 0.12:
            await sweep(pair, rng)
        elif what < 0.15:
            await pair.delete(rng.randrange(6))
        elif what < 0.17:
            await pair.delete(0, 1, 2, 3, 4, 5)
        elif what < 0.25:
            calls = [player.call() for _ in range(rng.randint(2, 4))]
            for call, reply in zip(calls, await pair.race(calls), strict=True):
                player.learn(call, reply)
        else:
            call = player.call()
            player.learn(call, await pair.call(call))
    return STEPS


async def sweep(pair: Pair, rng: random.Random) -> None:
    """Let time pass in which a hub sweeps and nobody keeps alive."""
    for _ in range(rng.randint(2, 5)):
        await pair.jump(rng.choice(JUMPS_MS[:2]))
        await pair.call(Call(0, "expire", (SILENT_MS,)))


async def test_the_model_answers_as_the_scripts_do(redis_url: str) -> None:
    clients = await Clients.connect(redis_url)
    try:
        steps = 0
        for seed in range(ROOMS):
            async with Pair(clients) as pair:
                pair.log.append(f"seed {seed}")
                steps += await play(pair, random.Random(seed))
        assert steps > ROOMS * STEPS / 2, "the machine is too slow to say anything"
    finally:
        await clients.close()


async def test_a_difference_is_seen(redis_url: str) -> None:
    """The comparison itself can fail: a model that forgets to void tokens is found out."""
    clients = await Clients.connect(redis_url)
    try:
        async with Pair(clients) as pair:
            player = Player(random.Random(1))
            call = player._join()
            call.more["entry"] = "open"
            joined = await pair.call(call)
            user = joined.participant.user_id
            await pair.call(Call(0, "remove", (user,)))
            late = call._replace(ages=Ages(2_000))
            assert await pair.call(late) is UserRemoved
            pair.model.keys(pair.room).removed.clear()
            failure = ""
            try:
                await pair.call(late)
            except AssertionError as e:
                failure = str(e)
            assert "replies differ" in failure
    finally:
        await clients.close()
