-- Returns, in turn, the entries whose last heartbeat is younger than `dead_after` milliseconds, and how old it is.
-- needs: now
-- keys: entries, beats
-- args: dead_after (number)

local found = {}
local beating = redis.call('ZRANGEBYSCORE', beats, '(' .. ms(now - dead_after), '+inf', 'WITHSCORES')
for i = 1, #beating, 2 do
  local text = redis.call('HGET', entries, beating[i])
  if text then
    found[#found + 1] = text
    found[#found + 1] = math.max(0, now - tonumber(beating[i + 1]))
  end
end
return found
