"""The ledger's Lua scripts. KEYS[1] is the common prefix; its hash tag keeps all keys in one slot.

Times are strings, see moments.py. A message to be queued comes as JSON: `id, lead, kind, thread, alert_ids, body` and
`deliveries`, each a `lane` and a `key`.
"""

from alerts.delivery import KEEP_FINISHED
from services.runtime.id_index import KEEP_IDS, LEAST_CHARS, IdKind
from services.runtime.traces import KEEP_TRACES

KEEP_MS = KEEP_FINISHED.days * 24 * 3600 * 1000

# What several scripts do; each is put before those that need it.

NOTE = f"""
-- steps: a flat list of trace key, step id, step; the first telling of a step stays
local function note(steps, first)
  for i = first, #steps, 3 do
    redis.call('HSETNX', steps[i], steps[i + 1], steps[i + 2])
    redis.call('EXPIRE', steps[i], {int(KEEP_TRACES.total_seconds())})
  end
end
"""

QUEUE = f"""
local function thread_key(prefix, lane, thread)
  return prefix .. 'thread:' .. lane .. ':' .. thread
end

-- Queues a message once for each of its deliveries; returns how many were new.
local function queue(prefix, now, message)
  local new = 0
  for _, to in ipairs(message.deliveries) do
    local entry = prefix .. 'entry:' .. to.key
    if redis.call('EXISTS', entry) == 0 then
      redis.call('HSET', entry, 'state', 'pending', 'lane', to.lane, 'alert_id', message.lead,
                 'notification', message.body, 'notification_id', message.id, 'kind', message.kind,
                 'thread', message.thread, 'alert_ids', table.concat(message.alert_ids, ' '), 'attempt', 0,
                 'queued_at', now, 'due_at', now)
      redis.call('ZADD', prefix .. 'due:' .. to.lane, now, to.key)
      redis.call('ZADD', prefix .. 'queued', now, to.key)
      redis.call('SADD', prefix .. 'lanes', to.lane)
      if message.thread ~= '' then
        local thread = thread_key(prefix, to.lane, message.thread)
        if message.kind == 'new' then
          redis.call('DEL', thread)
        end
        redis.call('HSETNX', thread, 'first', to.key)
        redis.call('PEXPIRE', thread, {KEEP_MS})
      end
      for _, alert_id in ipairs(message.alert_ids) do
        redis.call('SADD', prefix .. 'told:' .. alert_id, to.key)
        redis.call('PEXPIRE', prefix .. 'told:' .. alert_id, {2 * KEEP_MS})
      end
      local ids = prefix .. 'ids:' .. string.sub(to.key, 1, {LEAST_CHARS})
      redis.call('SADD', ids, '{IdKind.DELIVERY}:' .. to.key)
      redis.call('EXPIRE', ids, {int(KEEP_IDS.total_seconds())})
      new = new + 1
    end
  end
  return new
end
"""

ENQUEUE = (
    QUEUE
    + """
-- now, message -> how many deliveries were new
return queue(KEYS[1], ARGV[1], cjson.decode(ARGV[2]))
"""
)

CLAIM = """
-- lane, now, limit, owner, end of lease
-- -> {key, notification, attempt, queued_at, thread ref or '', unknowns, interruptions, failures, 1 if doubtful} each
local prefix, lane, now, limit, owner, lease_until = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local due, claims = prefix .. 'due:' .. lane, {}

-- The unfinished first message of the entry's thread, or nil; and the ref of the thread.
local function thread_of(key, kind, thread)
  if not thread or thread == '' or kind == 'new' then
    return nil, ''
  end
  local held = redis.call('HMGET', prefix .. 'thread:' .. lane .. ':' .. thread, 'first', 'ref')
  if held[1] and held[1] ~= key then
    local first = prefix .. 'entry:' .. held[1]
    if redis.call('EXISTS', first) == 1 and redis.call('HEXISTS', first, 'finished_at') == 0 then
      return held[1], ''
    end
  end
  return nil, held[2] or ''
end

local function take(key, entry, ref)
  local attempt = redis.call('HINCRBY', entry, 'attempt', 1)
  redis.call('HSET', entry, 'state', 'sending', 'owner', owner)
  redis.call('ZADD', prefix .. 'sending', lease_until, key)
  redis.call('SADD', prefix .. 'owner:' .. owner, key)
  local held = redis.call('HMGET', entry, 'notification', 'queued_at', 'unknowns', 'interruptions', 'failures',
                          'doubtful')
  claims[#claims + 1] = {key, held[1] or '', attempt, held[2], ref, held[3] or 0, held[4] or 0, held[5] or 0,
                         held[6] or 0}
end

while #claims < limit do
  local keys = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit - #claims)
  if #keys == 0 then
    break
  end
  for i = 1, #keys, 2 do
    local key, entry = keys[i], prefix .. 'entry:' .. keys[i]
    redis.call('ZREM', due, key)
    local held = redis.call('HMGET', entry, 'kind', 'thread', 'state')
    if held[3] then
      local first, ref = thread_of(key, held[1], held[2])
      if first then
        redis.call('HSET', entry, 'waits_for', first)
        redis.call('ZADD', prefix .. 'held:' .. lane, keys[i + 1], key)
        redis.call('SADD', prefix .. 'after:' .. first, key)
      else
        take(key, entry, ref)
      end
    end
  end
end
return claims
"""

RECORD = f"""
-- key, owner, attempt, new state, due_at or '', reason, external ref, ended_at, delivery or ''
-- -> 1 if it was noted, 0 if another alerter has the entry by now
local prefix, key, owner, attempt, state, due_at = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local reason, external_ref, ended_at, delivery = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local entry = prefix .. 'entry:' .. key

-- What waited for the end of this first message of a thread is due when it always was.
local function release()
  for _, follower in ipairs(redis.call('SMEMBERS', prefix .. 'after:' .. key)) do
    local lane = redis.call('HGET', prefix .. 'entry:' .. follower, 'lane')
    local score = lane and redis.call('ZSCORE', prefix .. 'held:' .. lane, follower)
    if score then
      redis.call('ZREM', prefix .. 'held:' .. lane, follower)
      redis.call('HDEL', prefix .. 'entry:' .. follower, 'waits_for')
      redis.call('ZADD', prefix .. 'due:' .. lane, score, follower)
    end
  end
  redis.call('DEL', prefix .. 'after:' .. key)
end

-- The first of a thread's messages that arrived is what the others refer to.
local function remember_ref(lane, kind, thread)
  if external_ref == '' or not thread or thread == '' then
    return
  end
  local name = prefix .. 'thread:' .. lane .. ':' .. thread
  local held = redis.call('HMGET', name, 'first', 'ref')
  if held[1] == key or (not held[2] and kind ~= 'new') then
    redis.call('HSET', name, 'ref', external_ref)
    redis.call('PEXPIRE', name, {KEEP_MS})
  end
end

if delivery ~= '' then
  redis.call('ZADD', prefix .. 'unpublished', ended_at, delivery)
  redis.call('HDEL', prefix .. 'interrupted', key .. ' ' .. attempt)  -- how it ended is known after all
end
local held = redis.call('HMGET', entry, 'state', 'owner', 'attempt', 'lane', 'kind', 'thread')
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
local last = prefix .. 'last:' .. held[4]
redis.call('HSET', last, 'state', state, 'reason', reason, 'at', ended_at)
redis.call('PEXPIRE', last, {KEEP_MS})
local due = prefix .. 'due:' .. held[4]
if due_at ~= '' then
  redis.call('HINCRBY', entry, 'failures', 1)
  redis.call('HSET', entry, 'due_at', due_at)
  redis.call('ZADD', due, due_at, key)
  return 1
end
redis.call('ZREM', due, key)
redis.call('ZREM', prefix .. 'queued', key)
redis.call('HSET', entry, 'external_ref', external_ref, 'finished_at', ended_at)
if state == 'sent' then
  redis.call('HDEL', entry, 'notification', 'alert_ids')
  redis.call('ZREM', prefix .. 'failed', key)
  remember_ref(held[4], held[5], held[6])
else
  redis.call('ZADD', prefix .. 'failed', ended_at, key)
  redis.call('ZREMRANGEBYSCORE', prefix .. 'failed', '-inf', string.format('%.0f', ended_at - {KEEP_MS * 1000}))
end
redis.call('PEXPIRE', entry, {KEEP_MS})
release()
return 1
"""

RECLAIM = """
-- now, owner or '' -> the attempts that were interrupted; they wait to be published from now on, as deliveries do
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
  local held = redis.call('HMGET', entry, 'state', 'owner', 'lane', 'alert_id', 'attempt', 'alert_ids',
                          'notification_id')
  redis.call('ZREM', prefix .. 'sending', key)
  if held[2] then
    redis.call('SREM', prefix .. 'owner:' .. held[2], key)
  end
  if held[1] == 'sending' then
    redis.call('HSET', entry, 'state', 'unknown', 'due_at', now)
    redis.call('HINCRBY', entry, 'interruptions', 1)
    redis.call('ZADD', prefix .. 'due:' .. held[3], now, key)
    local told = cjson.encode({key = key, lane = held[3], lead_id = held[4], attempt = held[5],
                               alert_ids = held[6] or held[4], notification_id = held[7], at = now})
    redis.call('HSET', prefix .. 'interrupted', key .. ' ' .. held[5], told)
    interrupted[#interrupted + 1] = told
  end
end
return interrupted
"""

RESEND = (
    NOTE
    + """
-- key, now, lane or '', then the steps -> what became of it
local prefix, key, now, to = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local entry = prefix .. 'entry:' .. key
local held = redis.call('HMGET', entry, 'state', 'lane', 'finished_at', 'unknowns', 'waits_for',
                        'interruptions')
local state, lane = held[1], held[2]
if not state then
  return 'not_known'
end
if state == 'sent' then
  return 'already_sent'
end
if not held[3] and (state == 'sending' or to == '' or to == lane) then
  return 'under_way'
end
redis.call('ZREM', prefix .. 'due:' .. lane, key)
redis.call('ZREM', prefix .. 'held:' .. lane, key)
redis.call('ZREM', prefix .. 'failed', key)
if held[5] then
  redis.call('SREM', prefix .. 'after:' .. held[5], key)
end
if to ~= '' then
  lane = to
end
if held[4] or held[6] then
  redis.call('HSET', entry, 'doubtful', 1)
end
redis.call('HDEL', entry, 'finished_at', 'reason', 'waits_for', 'unknowns', 'interruptions', 'failures')
redis.call('HSET', entry, 'state', 'pending', 'lane', lane, 'queued_at', now, 'due_at', now)
redis.call('PERSIST', entry)
redis.call('ZADD', prefix .. 'due:' .. lane, now, key)
redis.call('ZADD', prefix .. 'queued', now, key)
redis.call('SADD', prefix .. 'lanes', lane)
note(ARGV, 4)
return 'queued'
"""
)
