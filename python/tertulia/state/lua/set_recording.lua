-- Set isRecording to 'true' or 'false'. Returns 1 if that changed it, 0 if not, -1 without a state.
-- needs: room
-- args: recording

local before = redis.call('HGET', room, 'isRecording')
if not before then return -1 end
if before == recording then return 0 end
redis.call('HSET', room, 'isRecording', recording)
publish('recording', '"isRecording":' .. recording)
return 1
