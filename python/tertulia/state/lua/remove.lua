-- Remove a participant, and void the tokens issued to them so far. Returns the participant and how many remain.
-- needs: room
-- args: user

local text = redis.call('HGET', participants, user)
if not text or not intact() then return false end
redis.call('HSET', removed, user, ms(now))
redis.call('PEXPIRE', removed, redis.call('PTTL', room))
return {text, drop(user, text, 'removed')}
