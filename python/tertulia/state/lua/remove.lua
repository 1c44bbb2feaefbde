-- Remove a user: free their seat, if they have one, and void the tokens of their admissions until now. Returns until
-- when; the session; the participant, and how many remain. What there is not is left out at the end.
-- needs: room
-- args: user, lost, done_at (number)
-- `lost`: a session from which SQL knows the user to be removed, or ''. Void also without a state, and for longer than
-- it: whoever makes it again may have read SQL before.
-- `done_at`: when that was done here, -1 for never. Nothing happens unless it was lost since; then what goes back to an
-- admission since `done_at` stays valid: they were let in again.

local live = intact() and redis.call('HGET', room, 'sessionId')
if done_at >= 0 then
  local is_known = redis.call('HGET', removed, '') == lost
    and tonumber(redis.call('HGET', removed, user) or '-1') >= done_at
  if is_known or (live and live ~= lost) then return {now} end
end
local session, till = live or lost, done_at >= 0 and done_at or now
if session ~= '' then
  void(user, till, session)
  redis.call('PEXPIRE', removed, ttl)
end
if not live then return {now} end
local text = redis.call('HGET', participants, user)
if not text or (done_at >= 0 and (cjson.decode(text).admittedAtMs or 0) > done_at) then return {till, session} end
return {till, session, text, drop(user, text, 'removed', till)}
