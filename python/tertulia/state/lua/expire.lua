-- Free the seats that have been silent for `silent` milliseconds. After a gap in the sweeps nobody is freed for a third
-- of that. Returns how many remain, and the participants who are gone.
-- needs: room
-- args: silent (number)

if not intact() then return false end
local swept = tonumber(redis.call('HGET', room, 'sweptAt') or '0')
local watched = tonumber(redis.call('HGET', room, 'watchedFrom') or '0')
if now - swept > silent / 3 then watched = now end
redis.call('HSET', room, 'sweptAt', ms(now), 'watchedFrom', ms(watched))

local gone, left = {}, redis.call('HLEN', participants)
if now - watched >= silent / 3 then
  for _, user in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', ms(now - silent), 'LIMIT', 0, 100)) do
    local text = redis.call('HGET', participants, user)
    if text then
      gone[#gone + 1] = text
      left = drop(user, text, 'timeout')
    else
      redis.call('ZREM', seen, user)
    end
  end
end
return {left, gone}
