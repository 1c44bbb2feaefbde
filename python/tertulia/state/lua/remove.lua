-- Remove a user: free their seat, if they have one, and void the tokens of their admissions until now. Returns the time;
-- the session; the participant, and how many remain. What there is not is left out at the end.
-- needs: room
-- args: user, lost
-- `lost`: a session whose state was lost, and from which SQL knows the user to be removed, or ''. Void also without a
-- state, and for longer than it: whoever makes it again may have read SQL before.

local live = intact() and redis.call('HGET', room, 'sessionId')
local session = live or lost
if session ~= '' then
  void(user, now, session)
  redis.call('PEXPIRE', removed, ttl)
end
if not live then return {now} end
local text = redis.call('HGET', participants, user)
if not text then return {now, session} end
return {now, session, text, drop(user, text, 'removed')}
