-- The chat of a session, in one hash: `session`; `m:{id}`, the JSON of a message; `o:{n}`, the id of the n-th, from
-- `first` to before `next`; `bytes`, the length of all messages.
-- needs: room
-- args: session

-- Messages, and bytes of them, that are kept: the oldest go first.
local kept, kept_bytes = 200, 131072

local function chat_number(field) return tonumber(redis.call('HGET', chat, field) or '0') end

local function is_live() return intact() and redis.call('HGET', room, 'sessionId') == session end
local function is_of_session() return redis.call('HGET', chat, 'session') == session end

local function trim_chat(bytes)
  local first, next = chat_number('first'), chat_number('next')
  while next - first > kept or bytes > kept_bytes do
    local oldest = 'm:' .. redis.call('HGET', chat, 'o:' .. first)
    bytes = bytes - redis.call('HSTRLEN', chat, oldest)
    redis.call('HDEL', chat, 'o:' .. first, oldest)
    first = first + 1
  end
  redis.call('HSET', chat, 'first', first, 'bytes', bytes)
end
