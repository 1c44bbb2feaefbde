-- Keep the room's record as SQL has it since it was changed: what joins go by while SQL is away.
-- needs: room
-- args: record

if intact() then redis.call('HSET', room, 'record', record) end
