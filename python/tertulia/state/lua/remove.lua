-- Remove a user: free their seat, if they have one, and void the tokens of their admissions until now. Returns the time;
-- the session; the participant, and how many remain. What there is not is left out at the end.
-- needs: room
-- args: user, lost, done_at (number)
-- `lost`: a session from which SQL knows the user to be removed, or ''. Void also without a state, and for longer than
-- it: whoever makes it again may have read SQL before.
-- `done_at`: when that was done here, -1 for never. Nothing happens unless it was lost since.

local live = intact() and redis.call('HGET', room, 'sessionId')
if done_at >= 0 then
  local is_known = redis.call('HGET', removed, '') == lost
    and tonumber(redis.call('HGET', removed, user) or '-1') >= done_at
  if is_known or (live and live ~= lost) then return {now} end
end
local session = live or lost
if session ~= '' then
  void(user, now, session)
  redis.call('PEXPIRE', removed, ttl)
end
if not live then return {now} end
local text = redis.call('HGET', participants, user)
if not text then return {now, session} end
return {now, session, text, drop(user, text, 'removed')}
