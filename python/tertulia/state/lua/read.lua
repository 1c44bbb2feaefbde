-- Returns what summary.lua does, and the participants. The mark tells the reader where in the channel this belongs.
-- needs: room
-- args: mark

publish('read', '"mark":' .. cjson.encode(mark))
if not intact() then return false end
return {redis.call('HGETALL', room), empty_for(), redis.call('HVALS', participants)}
