-- Say what comes into the rooms of a tenant on one SFU node. Returns what comes into those on each of the others that
-- have said so within the last `lasts` milliseconds.
-- needs: now
-- keys: inflow
-- args: lasts (number), node, rooms

local others = {}
local said = redis.call('HGETALL', inflow)
for i = 1, #said, 2 do
  local at, theirs = string.match(said[i + 1], '^(%d+) (.*)$')
  if now - tonumber(at) >= lasts then
    redis.call('HDEL', inflow, said[i])
  elseif said[i] ~= node then
    others[#others + 1] = theirs
  end
end
redis.call('HSET', inflow, node, ms(now) .. ' ' .. rooms)
redis.call('PEXPIRE', inflow, lasts)
return others
