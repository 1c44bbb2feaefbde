-- End a recording, also one that has not begun yet. Returns the room's SFU node ('': none); false without a state.
-- needs: recording
-- args: recording

if redis.call('HEXISTS', room, 'incarnation') == 0 then return false end
note_over(recording)
if current() == recording then set_recording('') end
return redis.call('HGET', room, 'sfuNode')
