-- Count somebody among the people of a tenant, if they are counted already, or fewer than `most` are. Who is not counted
-- again within `lasts` milliseconds is counted no more. Returns whether they are counted.
-- needs: now
-- keys: seats
-- args: most (number), lasts (number), seat

redis.call('ZREMRANGEBYSCORE', seats, '-inf', ms(now))
if not redis.call('ZSCORE', seats, seat) and redis.call('ZCARD', seats) >= most then return 0 end
redis.call('ZADD', seats, ms(now + lasts), seat)
redis.call('PEXPIRE', seats, lasts)
return 1
