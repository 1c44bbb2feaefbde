-- For calls that need the caller's seat: `me` is its participant. Without one the script ends here.
-- needs: room
-- args: user, connection, incarnation

if not intact() or redis.call('HGET', room, 'incarnation') ~= incarnation then return 'lost' end
local text = redis.call('HGET', participants, user)
local me = text and cjson.decode(text)
if not me or me.connectionId ~= connection then return 'not_joined' end
