-- Remove a user: free their seat, if they have one, and void the tokens of their admissions until now. Returns the time;
-- the session; the participant, and how many remain. What there is not is left out at the end.
-- needs: room
-- args: user

if not intact() then return {now} end
void(user, now)
redis.call('PEXPIRE', removed, redis.call('PTTL', room))
local session, text = redis.call('HGET', room, 'sessionId'), redis.call('HGET', participants, user)
if not text then return {now, session} end
return {now, session, text, drop(user, text, 'removed')}
