-- Take a seat: a new one, that of another connection of the same user, or one's own after a lost connection.
-- needs: room, iso
-- args: user, new, returning, limit (number), counted, entry, admitted (number)
-- args: region, node, session, was_open, recording, incarnation, removals, record
-- `limit`: how many others may be there, -1 for any number. `counted`: '' if who has no seat has to be counted among the
-- people of their tenant first, else '1'. `was_open`: '1' if SQL knew `session` to be open, '' if it
-- begins; `removals`: those from it, as SQL knew them; `record`: the room's, for a state that has none.
-- `entry`: 'open'; or 'waits', 'locked' for who has no seat and was not admitted by a host; or 'closed' for who has no
-- seat and was not made a host.
-- Returns 'joined', the participant, the one replaced or '', resumed, first, the room's hash and the others; or 'void'
-- (removed since the admission), 'full', 'waits', 'locked', 'closed', 'uncounted'.

local first = not intact()
if first then forget_removals(session) end
if first or redis.call('HGET', room, 'sessionId') == session then void_all(removals, session) end
local removed_at = redis.call('HGET', removed, user)
if removed_at and admitted <= tonumber(removed_at) then return {'void'} end
local stands = not first and redis.call('HGET', standing, user)
local may_enter = entry == 'open' or stands == 'host' or (stands and entry ~= 'closed')
if not may_enter and (first or redis.call('HEXISTS', participants, user) == 0) then return {entry} end

local others, old = {}, false
local all = first and {} or redis.call('HGETALL', participants)
for i = 1, #all, 2 do
  if all[i] == user then old = all[i + 1] else others[#others + 1] = all[i + 1] end
end
if not old and limit >= 0 and #others >= limit then return {'full'} end
if not old and counted == '' then return {'uncounted'} end
if first then
  create(region, node, session, recording, incarnation)
  if was_open ~= '' then redis.call('HSET', room, 'sessionUnread', 'true') end
end

local me, replaced, resumed = cjson.decode(new), false, false
if old then
  local was = cjson.decode(old)
  me.isMuted, me.isVideoOn, me.joinedAt = was.isMuted, was.isVideoOn, was.joinedAt
  me.handRaised, me.displayName, me.saidVideoOff = was.handRaised, was.displayName, was.saidVideoOff
  me.recordingOptOut, me.role, me.isSpotlit, me.permissions = was.recordingOptOut, was.role, was.isSpotlit, was.permissions
  resumed = returning ~= '' and returning == was.resume
  replaced = was.connectionId ~= me.connectionId and old
  if resumed or not replaced then me.seat = was.seat end
else
  local may = redis.call('HGET', standing, 'may:' .. user)
  me.joinedAt, me.role, me.permissions = iso(now), stands or me.role, may and cjson.decode(may) or me.permissions
end

local text = cjson.encode(me)
if old then
  redis.call('HSET', participants, user, text)
  redis.call('ZADD', seen, ms(now), user)
else
  add(user, text)
end
keep_first_record(record)
refresh_ttl()
publish_joined(user, text, replaced or 'null', resumed, false)
return {'joined', text, replaced or '', resumed and 1 or 0, first and 1 or 0, redis.call('HGETALL', room), others}
