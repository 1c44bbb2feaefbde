-- Register, or say again that one is alive. Forgets whoever has been silent for `forget_after` milliseconds. Returns
-- whether the registry did not know the caller.
-- needs: now
-- keys: entries, beats
-- args: id, entry, forget_after (number)

local is_new = redis.call('HSET', entries, id, entry)
redis.call('ZADD', beats, ms(now), id)
local dead = redis.call('ZRANGEBYSCORE', beats, '-inf', ms(now - forget_after), 'LIMIT', 0, 100)
if #dead > 0 then
  redis.call('HDEL', entries, unpack(dead))
  redis.call('ZREM', beats, unpack(dead))
end
-- The registry goes when the last one in it is gone.
redis.call('PEXPIRE', entries, 60000)
redis.call('PEXPIRE', beats, 60000)
return is_new
