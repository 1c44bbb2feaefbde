-- Keep a seat.
-- needs: seat

redis.call('ZADD', seen, ms(now), user)
refresh_ttl()
return 'alive'
