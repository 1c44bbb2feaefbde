-- Leave the registry.
-- keys: entries, beats
-- args: id

redis.call('HDEL', entries, id)
redis.call('ZREM', beats, id)
