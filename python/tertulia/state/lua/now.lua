-- The time: milliseconds since 1970 on the clock of Redis, which is one clock for the whole fleet.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- Milliseconds as text without an exponent.
local function ms(value) return string.format('%.0f', value) end
