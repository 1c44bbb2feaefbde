-- Move the room to another SFU node, if it lives on the one named ('': on none). Returns whether it did.
-- needs: room
-- args: from_node, to_node

if redis.call('HGET', room, 'sfuNode') ~= from_node then return 0 end
move(to_node)
return 1
