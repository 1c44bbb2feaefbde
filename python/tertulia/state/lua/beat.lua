-- Register, or say again that one is alive: several of one process at once, who then are equally old, and change
-- together. `given` has their ids and entries in turn. Forgets whoever has been silent for `forget_after` milliseconds.
-- Returns whether the registry did not know all of them.
-- needs: now
-- keys: entries, beats
-- args: forget_after (number), given...

local new = redis.call('HSET', entries, unpack(given))
for i = 1, #given, 2 do redis.call('ZADD', beats, ms(now), given[i]) end
local dead = redis.call('ZRANGEBYSCORE', beats, '-inf', ms(now - forget_after), 'LIMIT', 0, 100)
if #dead > 0 then
  redis.call('HDEL', entries, unpack(dead))
  redis.call('ZREM', beats, unpack(dead))
end
-- The registry goes when the last one in it is gone.
redis.call('PEXPIRE', entries, 60000)
redis.call('PEXPIRE', beats, 60000)
return new
