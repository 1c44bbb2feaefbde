-- Give up a seat, if the connection holds it. Returns the participant and how many remain.
-- needs: room
-- args: user, connection, reason

local text = redis.call('HGET', participants, user)
if not text or not intact() or cjson.decode(text).connectionId ~= connection then return false end
return {text, drop(user, text, reason)}
