"""The Lua scripts: each change of a room is one, so that its hash, its members and the message about it never disagree.

The room scripts take KEYS = :func:`tertulia.state.keys.room_keys` and ARGV = channel, origin, TTL in ms, then their
own. Time is Redis' own (``TIME``, milliseconds since 1970). Only ``touch`` sets a TTL, and only JoinRoom and KeepAlive
(``restore`` is a part of it) call it; a script that finds no intact state writes nothing, so no key is ever made
without a TTL.
"""

from __future__ import annotations

from typing import Final

from tertulia.redis.script import Script

_NOW: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function ms(value) return string.format('%.0f', value) end
"""

_ROOM: Final = """
local room, people, seen, removed = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local channel, origin, ttl = ARGV[1], ARGV[2], ARGV[3]

local function touch()
  for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], ttl) end
end

-- Whether the state is there and whole: a key of it may have been evicted or deleted by somebody.
local function intact()
  if redis.call('HEXISTS', room, 'incarnation') == 0 then return false end
  local count = tonumber(redis.call('HGET', room, 'participantCount') or '0')
  return count == redis.call('HLEN', people) and count == redis.call('ZCARD', seen)
end

-- What is left of a broken state. Who was removed stays removed.
local function wipe() redis.call('DEL', room, people, seen) end

local function publish(kind, rest)
  redis.call('SPUBLISH', channel, '{"t":"' .. kind .. '","origin":' .. cjson.encode(origin) .. ',' .. rest .. '}')
end

local function create(region, node, session, recording, incarnation)
  wipe()
  redis.call('HSET', room, 'sfuRegion', region, 'isRecording', recording, 'sfuNode', node, 'sessionId', session,
    'incarnation', incarnation)
end

-- A new member. The caller sets the TTL.
local function add(user, text)
  redis.call('HSET', people, user, text)
  redis.call('HINCRBY', room, 'participantCount', 1)
  redis.call('ZADD', seen, ms(now), user)
  redis.call('HDEL', room, 'emptySince')
end

local function move(node)
  redis.call('HSET', room, 'sfuNode', node)
  publish('node', '"sfuNode":' .. cjson.encode(node) .. ',"sfuRegion":' ..
    cjson.encode(redis.call('HGET', room, 'sfuRegion')))
end

local function tell_joined(user, text, replaced, resumed, restored)
  publish('joined', '"userId":' .. cjson.encode(user) .. ',"participant":' .. text .. ',"replaced":' .. replaced ..
    ',"resumed":' .. tostring(resumed) .. ',"restored":' .. tostring(restored))
end

-- A member less; how many remain.
local function drop(user, text, reason)
  local was = cjson.decode(text)
  redis.call('HDEL', people, user)
  redis.call('ZREM', seen, user)
  local left = redis.call('HINCRBY', room, 'participantCount', -1)
  if left == 0 then redis.call('HSET', room, 'emptySince', ms(now)) end
  publish('left', '"userId":' .. cjson.encode(user) .. ',"connectionId":' .. cjson.encode(was.connectionId) ..
    ',"seat":' .. cjson.encode(was.seat) .. ',"reason":' .. cjson.encode(reason))
  return left
end
"""

_ISO: Final = """
-- RFC 3339 of milliseconds since 1970; the calendar is Howard Hinnant's civil_from_days.
local function iso(value)
  local floor = math.floor
  local seconds = floor(value / 1000)
  local z = floor(seconds / 86400) + 719468
  local era = floor(z / 146097)
  local doe = z - era * 146097
  local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
  local mp = floor((5 * doy + 2) / 153)
  local day = doy - floor((153 * mp + 2) / 5) + 1
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400
  if month <= 2 then year = year + 1 end
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, day,
    floor(seconds / 3600) % 24, floor(seconds / 60) % 60, seconds % 60, value % 1000)
end
"""


def _room_script(name: str, *parts: str) -> Script:
    return Script(name, _NOW, _ROOM, *parts)


JOIN: Final = _room_script(
    "join",
    _ISO,
    """
local user, new, returning, limit, issued = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local void = redis.call('HGET', removed, user)
if void and issued <= tonumber(void) then return {'void'} end

local first = not intact()
if first then create(ARGV[9], ARGV[10], ARGV[11], 'false', ARGV[12]) end

local others, old = {}, false
local all = redis.call('HGETALL', people)
for i = 1, #all, 2 do
  if all[i] == user then old = all[i + 1] else others[#others + 1] = all[i + 1] end
end

local me, replaced, resumed = cjson.decode(new), false, false
if old then
  local was = cjson.decode(old)
  me.isMuted, me.isVideoOn, me.joinedAt = was.isMuted, was.isVideoOn, was.joinedAt
  me.handRaised, me.displayName, me.saidVideoOff = was.handRaised, was.displayName, was.saidVideoOff
  resumed = returning ~= '' and returning == was.resume
  replaced = was.connectionId ~= me.connectionId and old
  if resumed or not replaced then me.seat = was.seat end
elseif #others >= limit then
  return {'full'}
else
  me.joinedAt = iso(now)
end

local text = cjson.encode(me)
if old then
  redis.call('HSET', people, user, text)
  redis.call('ZADD', seen, ms(now), user)
else
  add(user, text)
end
touch()
tell_joined(user, text, replaced or 'null', resumed, false)
return {'joined', text, replaced or '', resumed and 1 or 0, first and 1 or 0, redis.call('HGETALL', room), others}
""",
)

LEAVE: Final = _room_script(
    "leave",
    """
local user, connection, reason = ARGV[4], ARGV[5], ARGV[6]
local text = redis.call('HGET', people, user)
if not text or not intact() or cjson.decode(text).connectionId ~= connection then return false end
return {text, drop(user, text, reason)}
""",
)

REMOVE: Final = _room_script(
    "remove",
    """
local user = ARGV[4]
local text = redis.call('HGET', people, user)
if not text or not intact() then return false end
redis.call('HSET', removed, user, ms(now))
redis.call('PEXPIRE', removed, redis.call('PTTL', room))
return {text, drop(user, text, 'removed')}
""",
)

_SEAT: Final = """
local user, connection, incarnation = ARGV[4], ARGV[5], ARGV[6]
if not intact() or redis.call('HGET', room, 'incarnation') ~= incarnation then return 'lost' end
local text = redis.call('HGET', people, user)
local me = text and cjson.decode(text)
if not me or me.connectionId ~= connection then return 'not_joined' end
"""

KEEP_ALIVE: Final = _room_script(
    "keep_alive",
    _SEAT,
    """
redis.call('ZADD', seen, ms(now), user)
touch()
return 'alive'
""",
)

UPDATE: Final = _room_script(
    "update",
    _SEAT,
    """
local function apply(field, value)
  if value == '' or me[field] == (value == 'true') then return false end
  me[field] = value == 'true'
  return true
end
local off = { ['true'] = 'false', ['false'] = 'true', [''] = '' }
me.saidVideoOff = me.saidVideoOff or false
local muted, video, hand = apply('isMuted', ARGV[7]), apply('isVideoOn', ARGV[8]), apply('handRaised', ARGV[9])
video = apply('saidVideoOff', off[ARGV[8]]) or video
if muted or video or hand then redis.call('HSET', people, user, cjson.encode(me)) end
if muted or video then
  publish('state', '"userId":' .. cjson.encode(user) .. ',"isMuted":' .. tostring(me.isMuted) ..
    ',"isVideoOn":' .. tostring(me.isVideoOn) .. ',"saidVideoOff":' .. tostring(me.saidVideoOff))
end
if hand then
  publish('hand', '"userId":' .. cjson.encode(user) .. ',"raised":' .. tostring(me.handRaised))
end
local function bit(value) return value and 1 or 0 end
return {bit(muted or video or hand), bit(me.isMuted), bit(me.isVideoOn), bit(me.saidVideoOff)}
""",
)

END: Final = _room_script(
    "end",
    """
local reason, session, empty_for = ARGV[4], ARGV[5], ARGV[6]
local live = redis.call('HGET', room, 'sessionId')
if session ~= '' and live ~= session then return false end
if empty_for ~= '' then
  local since = redis.call('HGET', room, 'emptySince')
  if not since or not intact() or now - tonumber(since) < tonumber(empty_for) then return false end
end
local members = redis.call('HVALS', people)
redis.call('DEL', room, people, seen, removed)
if not live then return false end
publish('ended', '"sessionId":' .. cjson.encode(live) .. ',"reason":' .. cjson.encode(reason))
return {live, members}
""",
)

EXPIRE: Final = _room_script(
    "expire",
    """
local silent = tonumber(ARGV[4])
if not intact() then return false end
local swept = tonumber(redis.call('HGET', room, 'sweptAt') or '0')
local watched = tonumber(redis.call('HGET', room, 'watchedFrom') or '0')
if now - swept > silent / 3 then watched = now end
redis.call('HSET', room, 'sweptAt', ms(now), 'watchedFrom', ms(watched))

local gone, left = {}, redis.call('HLEN', people)
if now - watched >= silent / 3 then
  for _, user in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', ms(now - silent), 'LIMIT', 0, 100)) do
    local text = redis.call('HGET', people, user)
    if text then
      gone[#gone + 1] = text
      left = drop(user, text, 'timeout')
    else
      redis.call('ZREM', seen, user)
    end
  end
end
return {left, gone}
""",
)

RESTORE: Final = _room_script(
    "restore",
    """
local made = not intact()
if made then
  create(ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8])
elseif redis.call('HGET', room, 'sessionId') ~= ARGV[6] then
  return 'other_session'
elseif ARGV[5] ~= '' and redis.call('HGET', room, 'sfuNode') == '' then
  move(ARGV[5]) -- whoever made the state knew of no node
end
local displaced = {}
for i = 9, #ARGV, 2 do
  local user, text = ARGV[i], ARGV[i + 1]
  local present = redis.call('HGET', people, user)
  if not present then
    add(user, text)
    tell_joined(user, text, 'null', true, true)
  elseif cjson.decode(present).connectionId ~= cjson.decode(text).connectionId then
    displaced[#displaced + 1] = present
  end
end
-- Nobody was there to be written: the room is empty from now on, and not for ever.
if redis.call('HLEN', people) == 0 then redis.call('HSETNX', room, 'emptySince', ms(now)) end
touch()
return {made and 1 or 0, redis.call('HGETALL', room), displaced}
""",
)

MOVE: Final = _room_script(
    "move",
    """
if redis.call('HGET', room, 'sfuNode') ~= ARGV[4] then return 0 end
move(ARGV[5])
return 1
""",
)

SET_RECORDING: Final = _room_script(
    "set_recording",
    """
local is = redis.call('HGET', room, 'isRecording')
if not is then return -1 end
if is == ARGV[4] then return 0 end
redis.call('HSET', room, 'isRecording', ARGV[4])
publish('recording', '"isRecording":' .. ARGV[4])
return 1
""",
)

SUMMARY: Final = _room_script(
    "summary",
    """
if not intact() then return false end
local since = redis.call('HGET', room, 'emptySince')
return {redis.call('HGETALL', room), since and now - tonumber(since) or -1}
""",
)

READ: Final = _room_script(
    "read",
    """
publish('read', '"mark":' .. cjson.encode(ARGV[4]))
if not intact() then return false end
local since = redis.call('HGET', room, 'emptySince')
return {redis.call('HGETALL', room), since and now - tonumber(since) or -1, redis.call('HVALS', people)}
""",
)

BEAT: Final = Script(
    "beat",
    _NOW,
    """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ms(now), ARGV[1])
local dead = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ms(now - tonumber(ARGV[3])), 'LIMIT', 0, 100)
if #dead > 0 then
  redis.call('HDEL', KEYS[1], unpack(dead))
  redis.call('ZREM', KEYS[2], unpack(dead))
end
-- When the last of them is gone, so is the registry.
redis.call('PEXPIRE', KEYS[1], 60000)
redis.call('PEXPIRE', KEYS[2], 60000)
""",
)

DEREGISTER: Final = Script(
    "deregister",
    """
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
""",
)

ALIVE: Final = Script(
    "alive",
    _NOW,
    """
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ms(now - tonumber(ARGV[1])), '+inf')) do
  local text = redis.call('HGET', KEYS[1], id)
  if text then found[#found + 1] = text end
end
return found
""",
)

ALL: Final = (
    *(JOIN, LEAVE, REMOVE, KEEP_ALIVE, UPDATE, END, EXPIRE, RESTORE, MOVE, SET_RECORDING, SUMMARY, READ),
    *(BEAT, DEREGISTER, ALIVE),
)
"""What :func:`tertulia.state.connection.connect_redis` loads into each server."""
