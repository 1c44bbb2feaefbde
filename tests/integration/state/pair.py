"""One room on a real server and in the model, and whether they are the same."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from tertulia import times
from tertulia.errors import Refused
from tertulia.ids import ConnectionId, HubId, UserId
from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.redis.script import Script
from tertulia.room.answers import MustWait, StateLost
from tertulia.room.messages import EndedMessage, EventMessage, JoinedMessage, LeftMessage, RoomMessage, encode
from tertulia.room.participant import Participant
from tertulia.state import keys
from tertulia.state.connection import connect_redis
from tertulia.state.rooms import RoomState
from tests.integration.state.player import HUBS, LIMIT, Call
from tests.integration.state.rooms import Inbox, new_room
from tests.world.redis import NO_TTL, Keys
from tests.world.redis import Redis as Model
from tests.world.scripts import ModelState

TTL_MS = 90_000
TOLERANCE_MS = 1_000
"""Between the clocks of Redis and the model."""

SINCE = {"emptySince", "sweptAt", "watchedFrom"}

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
