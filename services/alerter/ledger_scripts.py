"""The ledger's Lua scripts. KEYS[1] is the common prefix; its hash tag keeps all keys in one slot.

Times stay strings from end to end: Lua would print a large number with 14 digits only.
"""

ENQUEUE = """
-- now, id of the leading alert, notification, then (lane, key) pairs -> how many were new
local prefix, now, alert_id, notification = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local new = 0
for i = 4, #ARGV, 2 do
  local lane, key = ARGV[i], ARGV[i + 1]
  local entry = prefix .. 'entry:' .. key
  if redis.call('EXISTS', entry) == 0 then
    redis.call('HSET', entry, 'state', 'pending', 'lane', lane, 'alert_id', alert_id, 'notification', notification,
               'attempt', 0, 'unknowns', 0, 'queued_at', now)
    redis.call('ZADD', prefix .. 'due:' .. lane, now, key)
    redis.call('SADD', prefix .. 'lanes', lane)
    new = new + 1
  end
end
return new
"""

CLAIM = """
-- lane, now, limit, owner, end of lease -> {key, notification, attempt, unknowns, queued_at} each
local prefix, lane, now, limit, owner, lease_until = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local due = prefix .. 'due:' .. lane
local claims = {}
for _, key in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, limit)) do
  local entry = prefix .. 'entry:' .. key
  redis.call('ZREM', due, key)
  if redis.call('EXISTS', entry) == 1 then
    local attempt = redis.call('HINCRBY', entry, 'attempt', 1)
    redis.call('HSET', entry, 'state', 'sending', 'owner', owner)
    redis.call('ZADD', prefix .. 'sending', lease_until, key)
    redis.call('SADD', prefix .. 'owner:' .. owner, key)
    local held = redis.call('HMGET', entry, 'notification', 'unknowns', 'queued_at')
    claims[#claims + 1] = {key, held[1] or '', attempt, held[2], held[3]}
  end
end
return claims
"""

RECORD = """
-- key, owner, attempt, new state, due_at or '', reason, external ref, ended_at, ms to keep, delivery or ''
-- -> 1 if it was noted, 0 if another alerter has the entry by now
local prefix, key, owner, attempt, state, due_at = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local reason, external_ref, ended_at, keep, delivery = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
if delivery ~= '' then
  redis.call('ZADD', prefix .. 'unpublished', ended_at, delivery)
end
local entry = prefix .. 'entry:' .. key
local held = redis.call('HMGET', entry, 'state', 'owner', 'attempt', 'lane')
local mine = held[1] == 'sending' and held[2] == owner and held[3] == attempt
-- A lease that ended too early: the message did arrive, so the repeat that waits is called off.
local late_success = state == 'sent' and (held[1] == 'unknown' or held[1] == 'pending')
if not (mine or late_success) then
  return 0
end
if mine then
  redis.call('ZREM', prefix .. 'sending', key)
  redis.call('SREM', prefix .. 'owner:' .. owner, key)
end
if state == 'unknown' then
  redis.call('HINCRBY', entry, 'unknowns', 1)
end
redis.call('HSET', entry, 'state', state, 'reason', reason)
local due = prefix .. 'due:' .. held[4]
if due_at ~= '' then
  redis.call('HSET', entry, 'due_at', due_at)
  redis.call('ZADD', due, due_at, key)
else
  redis.call('ZREM', due, key)
  redis.call('HSET', entry, 'external_ref', external_ref, 'finished_at', ended_at)
  if state == 'sent' then
    redis.call('HDEL', entry, 'notification')
  end
  redis.call('PEXPIRE', entry, keep)
end
return 1
"""

RECLAIM = """
-- now, owner or '' -> {key, lane, alert id, attempt} each
local prefix, now, owner = KEYS[1], ARGV[1], ARGV[2]
local keys = redis.call('ZRANGEBYSCORE', prefix .. 'sending', '-inf', now)
if owner ~= '' then
  for _, key in ipairs(redis.call('SMEMBERS', prefix .. 'owner:' .. owner)) do
    keys[#keys + 1] = key
  end
end
local interrupted = {}
for _, key in ipairs(keys) do
  local entry = prefix .. 'entry:' .. key
  local held = redis.call('HMGET', entry, 'state', 'owner', 'lane', 'alert_id', 'attempt')
  redis.call('ZREM', prefix .. 'sending', key)
  if held[2] then
    redis.call('SREM', prefix .. 'owner:' .. held[2], key)
  end
  if held[1] == 'sending' then
    redis.call('HSET', entry, 'state', 'unknown', 'due_at', now)
    redis.call('HINCRBY', entry, 'unknowns', 1)
    redis.call('ZADD', prefix .. 'due:' .. held[3], now, key)
    interrupted[#interrupted + 1] = {key, held[3], held[4], held[5]}
  end
end
return interrupted
"""
