-- Write again what a hub knows, where Redis has lost it. Adds what is missing and overwrites nothing. `recording` and
-- `removals` are those that SQL knows, `members` pairs of user and participant. Whoever joined before they were removed
-- is not written.
-- Returns whether it made the state, the room's hash, whoever sits in a seat of `members` by another connection, and the
-- users who were not written; or 'other_session'.
-- needs: room, iso, recording
-- args: region, node, session, recording, incarnation, removals, record, members...

local made = not intact()
if made then
  forget_removals(session)
  create(region, node, session, recording, incarnation)
  redis.call('HSET', room, 'sessionUnread', 'true')
elseif redis.call('HGET', room, 'sessionId') ~= session then
  return 'other_session'
else
  -- Whoever made the state knew of no node, or had read SQL before the recording began.
  if node ~= '' and redis.call('HGET', room, 'sfuNode') == '' then move(node) end
  if recording ~= '' and current() == '' and not is_over(recording) then set_recording(recording) end
end
void_all(removals, session)
keep_first_record(record)
local displaced, out = {}, {}
for i = 1, #members, 2 do
  local user, text = members[i], members[i + 1]
  local present, removed_at = redis.call('HGET', participants, user), redis.call('HGET', removed, user)
  if not present and removed_at and cjson.decode(text).joinedAt <= iso(tonumber(removed_at)) then
    out[#out + 1] = user
  elseif not present then
    add(user, text)
    publish_joined(user, text, 'null', true, true)
  elseif cjson.decode(present).connectionId ~= cjson.decode(text).connectionId then
    displaced[#displaced + 1] = present
  end
end
-- With nobody to write, the room counts as empty from now on, so that it ends some day.
if redis.call('HLEN', participants) == 0 then redis.call('HSETNX', room, 'emptySince', ms(now)) end
refresh_ttl()
return {made and 1 or 0, redis.call('HGETALL', room), displaced, out}
