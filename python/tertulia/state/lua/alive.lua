-- Returns the entries whose last heartbeat is younger than `dead_after` milliseconds.
-- needs: now
-- keys: entries, beats
-- args: dead_after (number)

local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', beats, '(' .. ms(now - dead_after), '+inf')) do
  local text = redis.call('HGET', entries, id)
  if text then found[#found + 1] = text end
end
return found
