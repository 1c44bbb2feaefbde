-- Count people of a tenant who are in meetings for `lasts` milliseconds more, however many they are.
-- needs: now
-- keys: seats
-- args: lasts (number), people...

for _, seat in ipairs(people) do redis.call('ZADD', seats, ms(now + lasts), seat) end
redis.call('PEXPIRE', seats, lasts)
return 1
