-- Begin a recording of a session, in place of another one that goes on. Returns 'begun', also if it has begun already;
-- 'over'; or 'no_meeting', if the session is not live.
-- needs: recording
-- args: recording, session

if not intact() or redis.call('HGET', room, 'sessionId') ~= session then return 'no_meeting' end
if is_over(recording) then return 'over' end
local before = current()
if before == recording then return 'begun' end
if before ~= '' then note_over(before) end
set_recording(recording)
return 'begun'
