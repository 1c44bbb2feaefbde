-- Write again what a hub knows, where Redis has lost it. Adds what is missing and overwrites nothing. `members` are
-- pairs of user and participant. Returns whether it made the state, the room's hash, and whoever sits in a seat of
-- `members` by another connection; or 'other_session'.
-- needs: room
-- args: region, node, session, recording, incarnation, members...

local made = not intact()
if made then
  create(region, node, session, recording, incarnation)
elseif redis.call('HGET', room, 'sessionId') ~= session then
  return 'other_session'
elseif node ~= '' and redis.call('HGET', room, 'sfuNode') == '' then
  move(node) -- whoever made the state knew of no node
end
local displaced = {}
for i = 1, #members, 2 do
  local user, text = members[i], members[i + 1]
  local present = redis.call('HGET', participants, user)
  if not present then
    add(user, text)
    publish_joined(user, text, 'null', true, true)
  elseif cjson.decode(present).connectionId ~= cjson.decode(text).connectionId then
    displaced[#displaced + 1] = present
  end
end
-- With nobody to write, the room counts as empty from now on, so that it ends some day.
if redis.call('HLEN', participants) == 0 then redis.call('HSETNX', room, 'emptySince', ms(now)) end
refresh_ttl()
return {made and 1 or 0, redis.call('HGETALL', room), displaced}
