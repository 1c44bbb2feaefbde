-- The recording of a room. An id that is over never begins again in the same meeting, however late a script comes.
-- needs: room

-- Characters kept of the ids that are over: eight of them.
local kept = 296

local function over() return redis.call('HGET', room, 'recordingsOver') or '' end
local function is_over(id) return string.find(over(), id, 1, true) ~= nil end

local function note_over(id)
  if not is_over(id) then
    redis.call('HSET', room, 'recordingsOver', string.sub(id .. ' ' .. over(), 1, kept))
  end
end

-- The recording that goes on, or ''.
local function current() return redis.call('HGET', room, 'recordingId') or '' end

-- Let this one go on, or none ('').
local function set_recording(id)
  local is_recording = tostring(id ~= '')
  redis.call('HSET', room, 'isRecording', is_recording, 'recordingId', id)
  local session = cjson.encode(redis.call('HGET', room, 'sessionId'))
  local recording = id ~= '' and cjson.encode(id) or 'null'
  publish('recording', '"sessionId":' .. session .. ',"isRecording":' .. is_recording .. ',"recordingId":' .. recording)
end
