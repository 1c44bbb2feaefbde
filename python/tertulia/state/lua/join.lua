-- Take a seat: a new one, that of another connection of the same user, or one's own after a lost connection.
-- needs: room, iso
-- args: user, new, returning, limit (number), issued (number), region, node, session, recording, incarnation
-- Returns 'joined', the participant, the one replaced or '', resumed, first, the room's hash and the others; or 'void'
-- (removed since the token was issued), or 'full'.

local void = redis.call('HGET', removed, user)
if void and issued <= tonumber(void) then return {'void'} end

local first = not intact()
if first then create(region, node, session, recording, incarnation) end

local others, old = {}, false
local all = redis.call('HGETALL', participants)
for i = 1, #all, 2 do
  if all[i] == user then old = all[i + 1] else others[#others + 1] = all[i + 1] end
end

local me, replaced, resumed = cjson.decode(new), false, false
if old then
  local was = cjson.decode(old)
  me.isMuted, me.isVideoOn, me.joinedAt = was.isMuted, was.isVideoOn, was.joinedAt
  me.handRaised, me.displayName, me.saidVideoOff = was.handRaised, was.displayName, was.saidVideoOff
  me.recordingOptOut = was.recordingOptOut
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
  redis.call('HSET', participants, user, text)
  redis.call('ZADD', seen, ms(now), user)
else
  add(user, text)
end
refresh_ttl()
publish_joined(user, text, replaced or 'null', resumed, false)
return {'joined', text, replaced or '', resumed and 1 or 0, first and 1 or 0, redis.call('HGETALL', room), others}
