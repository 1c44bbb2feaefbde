-- Take `want` from a bucket into which `per_second` flow, up to `burst`; or what is left, and `debt` more. Answers how
-- many were taken, and how many are left now.
-- needs: now
-- keys: bucket
-- args: per_second (number), burst (number), want (number), debt (number)

local held = redis.call('HMGET', bucket, 'tokens', 'at')
local tokens = burst
if held[1] then
  tokens = math.min(burst, tonumber(held[1]) + math.max(0, now - tonumber(held[2])) / 1000 * per_second)
end
local taken = math.max(0, math.min(want, math.floor(tokens) + debt))
local left = tokens - taken
redis.call('HSET', bucket, 'tokens', string.format('%.3f', left), 'at', ms(now))
-- By then it would be full again.
redis.call('PEXPIRE', bucket, math.ceil((burst - math.min(0, left)) / per_second * 1000) + 1000)
return {taken, math.floor(left)}
