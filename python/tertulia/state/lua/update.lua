-- Change what a participant says of themselves. Each value but the name is 'true' or 'false'; '' for no change.
-- needs: seat
-- args: muted, video_on, hand_raised, opt_out, display_name
-- Returns whether anything changed, isMuted, isVideoOn and saidVideoOff.

local function apply(field, value)
  if value == '' or me[field] == (value == 'true') then return false end
  me[field] = value == 'true'
  return true
end
local opposite = { ['true'] = 'false', ['false'] = 'true', [''] = '' }
me.saidVideoOff = me.saidVideoOff or false
me.recordingOptOut = me.recordingOptOut or false
local mute, video, hand = apply('isMuted', muted), apply('isVideoOn', video_on), apply('handRaised', hand_raised)
local opted = apply('recordingOptOut', opt_out)
video = apply('saidVideoOff', opposite[video_on]) or video
local named = display_name ~= '' and me.displayName ~= display_name
if named then me.displayName = display_name end
local changed = mute or video or hand or opted or named
if changed then redis.call('HSET', participants, user, cjson.encode(me)) end
if mute or video then
  publish('state', '"userId":' .. cjson.encode(user) .. ',"isMuted":' .. tostring(me.isMuted) ..
    ',"isVideoOn":' .. tostring(me.isVideoOn) .. ',"saidVideoOff":' .. tostring(me.saidVideoOff))
end
if hand then
  publish('hand', '"userId":' .. cjson.encode(user) .. ',"raised":' .. tostring(me.handRaised))
end
if opted then
  publish('optOut', '"userId":' .. cjson.encode(user) .. ',"optOut":' .. tostring(me.recordingOptOut))
end
if named then
  publish('name', '"userId":' .. cjson.encode(user) .. ',"displayName":' .. cjson.encode(display_name))
end
local function bit(value) return value and 1 or 0 end
return {bit(changed), bit(me.isMuted), bit(me.isVideoOn), bit(me.saidVideoOff)}
