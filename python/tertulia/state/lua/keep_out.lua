-- Void what SQL says is void for a session, whose state was made by somebody who had read SQL before.
-- needs: room
-- args: session, removals

if not intact() or redis.call('HGET', room, 'sessionId') ~= session then return end
void_all(removals, session)
redis.call('HDEL', room, 'sessionUnread')
