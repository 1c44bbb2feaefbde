-- Keep chat messages, pairs of id and JSON; those that are kept already stay as they are. Returns whether the session is
-- live; else nothing is kept.
-- needs: chat
-- args: messages...

if not is_live() then return 0 end
if not is_of_session() then
  redis.call('DEL', chat)
  redis.call('HSET', chat, 'session', session)
end
local next, bytes = chat_number('next'), chat_number('bytes')
for i = 1, #messages, 2 do
  local id, text = messages[i], messages[i + 1]
  if redis.call('HEXISTS', chat, 'm:' .. id) == 0 then
    redis.call('HSET', chat, 'm:' .. id, text, 'o:' .. next, id)
    next, bytes = next + 1, bytes + #text
  end
end
redis.call('HSET', chat, 'next', next)
trim_chat(bytes)
if redis.call('PTTL', chat) < 0 then redis.call('PEXPIRE', chat, redis.call('PTTL', room)) end
return 1
