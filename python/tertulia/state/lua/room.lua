-- What all scripts of a room share. Only refresh_ttl sets the TTLs, and only JoinRoom and KeepAlive (of which restore is
-- a part) call it; a removal sets that of the removals. A script that does not find the state intact writes nothing but
-- removals, with a TTL of their own: no key is ever made without one.
-- needs: now
-- keys: room, participants, seen, removed, chat, standing
-- args: channel, origin, ttl

local function refresh_ttl()
  for i = 1, #KEYS do redis.call('PEXPIRE', KEYS[i], ttl) end
end

-- Whether the state exists and is whole: one of its keys may have been evicted, or deleted by somebody else.
local function intact()
  if redis.call('HEXISTS', room, 'incarnation') == 0 then return false end
  local count = tonumber(redis.call('HGET', room, 'participantCount') or '0')
  return count == redis.call('HLEN', participants) and count == redis.call('ZCARD', seen)
end

local function publish(kind, fields)
  redis.call('SPUBLISH', channel, '{"t":"' .. kind .. '","origin":' .. cjson.encode(origin) .. ',' .. fields .. '}')
end

-- Make the state, in place of what is left of a broken one. Whoever was removed from the session stays removed.
-- `recording`: its id, or '' for none.
local function create(region, node, session, recording, incarnation)
  redis.call('DEL', room, participants, seen, standing)
  if redis.call('HGET', chat, 'session') ~= session then redis.call('DEL', chat) end
  redis.call('HSET', room, 'sfuRegion', region, 'isRecording', tostring(recording ~= ''), 'recordingId', recording,
    'sfuNode', node, 'sessionId', session, 'incarnation', incarnation)
end

-- Forget who was removed from another session: the field '' says from which they were.
local function forget_removals(session)
  local of = redis.call('HGET', removed, '')
  if of and of ~= session then redis.call('DEL', removed) end
end

-- Void the tokens of a user's admissions until `at`, for a session, and the role in which a host had let them in. What a
-- host had said of their permissions stays.
local function void(user, at, session)
  forget_removals(session)
  if at > tonumber(redis.call('HGET', removed, user) or '0') then
    redis.call('HSET', removed, user, ms(at), '', session)
    redis.call('HDEL', standing, user)
  end
end

-- Void what SQL knows to be void for the session of a state: a JSON object of users and moments, or ''.
local function void_all(removals, session)
  if removals == '' then return end
  for user, at in pairs(cjson.decode(removals)) do void(user, at, session) end
  if redis.call('PTTL', removed) < 0 then redis.call('PEXPIRE', removed, ttl) end
end

-- Keep the room's record, as a hub has read it: JSON, or ''. A later one comes by keep_record.
local function keep_first_record(record)
  if record ~= '' then redis.call('HSETNX', room, 'record', record) end
end

-- Add a member. The caller refreshes the TTL.
local function add(user, text)
  redis.call('HSET', participants, user, text)
  redis.call('HINCRBY', room, 'participantCount', 1)
  redis.call('ZADD', seen, ms(now), user)
  redis.call('HDEL', room, 'emptySince')
end

-- Take a member out and return how many remain. `void_until`: of a removal.
local function drop(user, text, reason, void_until)
  local was = cjson.decode(text)
  redis.call('HDEL', participants, user)
  redis.call('ZREM', seen, user)
  local left = redis.call('HINCRBY', room, 'participantCount', -1)
  if left == 0 then redis.call('HSET', room, 'emptySince', ms(now)) end
  local at = void_until and ',"atMs":' .. ms(void_until) or ''
  publish('left', '"userId":' .. cjson.encode(user) .. ',"connectionId":' .. cjson.encode(was.connectionId) ..
    ',"seat":' .. cjson.encode(was.seat) .. ',"reason":' .. cjson.encode(reason) .. at)
  return left
end

-- Let the room live on another SFU node.
local function move(node)
  redis.call('HSET', room, 'sfuNode', node)
  publish('node', '"sfuNode":' .. cjson.encode(node) .. ',"sfuRegion":' ..
    cjson.encode(redis.call('HGET', room, 'sfuRegion')))
end

local function publish_joined(user, text, replaced, resumed, restored)
  publish('joined', '"userId":' .. cjson.encode(user) .. ',"participant":' .. text .. ',"replaced":' .. replaced ..
    ',"resumed":' .. tostring(resumed) .. ',"restored":' .. tostring(restored))
end

-- For how many milliseconds the room has been empty; -1: it is not.
local function empty_for()
  local since = redis.call('HGET', room, 'emptySince')
  return since and now - tonumber(since) or -1
end
