-- Let users who wait join, for the rest of the meeting.
-- needs: room
-- args: incarnation, users...

if not intact() or redis.call('HGET', room, 'incarnation') ~= incarnation then return 'lost' end
for _, user in ipairs(users) do redis.call('HSETNX', standing, user, 'attendee') end
redis.call('PEXPIRE', standing, redis.call('PTTL', room))
publish('admitted', '"userIds":' .. cjson.encode(users))
return 'done'
