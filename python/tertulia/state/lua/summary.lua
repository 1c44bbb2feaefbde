-- Returns the room's hash, and for how many milliseconds it has been empty (-1: it is not).
-- needs: room

if not intact() then return false end
return {redis.call('HGETALL', room), empty_for()}
