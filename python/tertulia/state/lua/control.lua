-- What a host changes about a member. '' for no change: `raised` is 'false' or '', `spotlit` 'true' or 'false',
-- `permissions` is their JSON. Role and permissions are kept for the meeting. Published as of no hub, so that each learns
-- of it by the channel.
-- needs: room
-- args: user, incarnation, role, raised, spotlit, permissions

if not intact() or redis.call('HGET', room, 'incarnation') ~= incarnation then return 'lost' end
local text = redis.call('HGET', participants, user)
if not text then return 'no_member' end
local was, me = cjson.decode(text), cjson.decode(text)
if role ~= '' then
  me.role = role
  redis.call('HSET', standing, user, role)
end
if raised ~= '' then me.handRaised = false end
if spotlit ~= '' then me.isSpotlit = spotlit == 'true' end
if permissions == '{}' then
  redis.call('HDEL', standing, 'may:' .. user)
elseif permissions ~= '' then
  redis.call('HSET', standing, 'may:' .. user, permissions)
end
if permissions ~= '' then me.permissions = cjson.decode(permissions) end
redis.call('PEXPIRE', standing, redis.call('PTTL', room))
redis.call('HSET', participants, user, cjson.encode(me))
origin = ''
local about = '"userId":' .. cjson.encode(user)
if was.handRaised and not me.handRaised then publish('hand', about .. ',"raised":false') end
if role .. spotlit .. permissions ~= '' then
  publish('control', about .. ',"role":' .. cjson.encode(me.role) .. ',"isSpotlit":' .. tostring(me.isSpotlit or false) ..
    ',"permissions":' .. cjson.encode(me.permissions or {}))
end
return 'done'
