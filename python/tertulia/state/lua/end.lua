-- Drop the state and tell everyone. With `session`: only if that session is live. With `least_empty` (milliseconds):
-- only if the room has been empty for so long. '' leaves a condition out. Returns the session and the participants.
-- needs: room
-- args: reason, session, least_empty

local live = redis.call('HGET', room, 'sessionId')
if session ~= '' and live ~= session then return false end
if least_empty ~= '' then
  local since = redis.call('HGET', room, 'emptySince')
  if not since or not intact() or now - tonumber(since) < tonumber(least_empty) then return false end
end
local members = redis.call('HVALS', participants)
redis.call('DEL', room, participants, seen, removed, chat, standing)
if not live then return false end
publish('ended', '"sessionId":' .. cjson.encode(live) .. ',"reason":' .. cjson.encode(reason))
return {live, members}
