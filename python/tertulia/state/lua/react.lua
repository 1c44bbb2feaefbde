-- Set a user's reaction to a message that is kept; `emoji`: '' for none. Returns whether that changed anything, and the
-- two who may see a private message; or false: there is no such message for them.
-- needs: chat
-- args: message, user, emoji

if not is_live() or not is_of_session() then return false end
local field = 'm:' .. message
local was = redis.call('HGET', chat, field)
local it = was and cjson.decode(was)
if not it or it.private and it.userId ~= user and it.targetUserId ~= user then return false end
local between = it.private and {it.userId, it.targetUserId} or {}
local reactions = it.reactions or {}
if (reactions[user] or '') == emoji then return {0, between} end
reactions[user] = emoji ~= '' and emoji or nil
it.reactions = next(reactions) and reactions or nil
local text = cjson.encode(it)
redis.call('HSET', chat, field, text)
trim_chat(chat_number('bytes') + #text - #was)
return {1, between}
