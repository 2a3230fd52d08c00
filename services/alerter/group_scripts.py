"""The Lua scripts of groups and digests. Each is all or nothing, so a crash leaves no half of a decision.

KEYS[1] is the common prefix, in the slot of the outbox. A group or digest that was read is only written while it is as
it was read; otherwise the script answers `conflict` and has changed nothing. Versions are never used twice, so a group
that was forgotten and began anew is not taken for the old one.
"""

from datetime import timedelta

from alerts.groups import FORGET_AFTER
from services.alerter.ledger_scripts import KEEP_MS, NOTE, QUEUE

DAY_MS = 24 * 3600 * 1000
FORGET_MS = FORGET_AFTER // timedelta(milliseconds=1)

WRITE_GROUP = f"""
local function version_of(prefix, group)
  return redis.call('HGET', prefix .. 'group:' .. group, 'version') or ''
end

-- due: when somebody has to look at the group again; '' for never, and then it may be forgotten -> its new version
local function write_group(prefix, group, state, due)
  local name = prefix .. 'group:' .. group
  if state == '' then
    redis.call('DEL', name)
    redis.call('ZREM', prefix .. 'groups:due', group)
    return
  end
  local version = redis.call('INCR', prefix .. 'versions')
  redis.call('HSET', name, 'state', state, 'version', version)
  if due == '' then
    redis.call('ZREM', prefix .. 'groups:due', group)
    redis.call('PEXPIRE', name, {FORGET_MS})
  else
    redis.call('ZADD', prefix .. 'groups:due', due, group)
    redis.call('PERSIST', name)
  end
  return version
end
"""

ADMIT = (
    NOTE
    + WRITE_GROUP
    + f"""
-- group, version as read, new state, due or '', alert id, receiver, group that it leaves for this one or '', then the
-- steps -> admitted and the new version, known or conflict
local prefix, group, version, state, due = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local admitted, receiver, leaving = prefix .. 'admitted:' .. ARGV[5], ARGV[6], ARGV[7]
-- Which group of a receiver has an alert is remembered beyond the group, and whatever became of the routes.
local holder = redis.call('HGET', admitted, receiver)
if holder and holder ~= leaving then
  return {{'known'}}
end
if version_of(prefix, group) ~= version then
  return {{'conflict'}}
end
redis.call('HSET', admitted, receiver, group)
redis.call('PEXPIRE', admitted, {KEEP_MS})
version = write_group(prefix, group, state, due)
note(ARGV, 8)
return {{'admitted', version}}
"""
)

COMMIT = (
    NOTE
    + QUEUE
    + WRITE_GROUP
    + f"""
-- now, commit, then the steps -> committed or conflict
local prefix, now, commit = KEYS[1], ARGV[1], cjson.decode(ARGV[2])
if version_of(prefix, commit.group) ~= commit.version then
  return 'conflict'
end
for _, spent in ipairs(commit.budgets) do
  if (redis.call('GET', prefix .. 'budget:' .. spent.day) or '0') ~= spent.was then
    return 'conflict'
  end
end
for _, line in ipairs(commit.digest) do
  if (redis.call('HGET', prefix .. 'digest:' .. line.receiver, line.group) or '') ~= line.was then
    return 'conflict'
  end
end
for _, spent in ipairs(commit.budgets) do
  redis.call('SET', prefix .. 'budget:' .. spent.day, spent.now, 'PX', {3 * DAY_MS})
end
for _, line in ipairs(commit.digest) do
  redis.call('HSET', prefix .. 'digest:' .. line.receiver, line.group, line.item)
  redis.call('INCR', prefix .. 'digest:version:' .. line.receiver)
  redis.call('ZADD', prefix .. 'digests:due', 'NX', line.due, line.receiver)
  redis.call('SETNX', prefix .. 'digest:since:' .. line.receiver, now)
end
for _, message in ipairs(commit.messages) do
  queue(prefix, now, message)
end
write_group(prefix, commit.group, commit.state, commit.due)
note(ARGV, 3)
return 'committed'
"""
)

COMMIT_DIGEST = (
    NOTE
    + QUEUE
    + """
-- now, commit, then the steps -> committed or conflict
local prefix, now, commit = KEYS[1], ARGV[1], cjson.decode(ARGV[2])
local version = prefix .. 'digest:version:' .. commit.receiver
if (redis.call('GET', version) or '') ~= commit.version then
  return 'conflict'
end
for _, message in ipairs(commit.messages) do
  queue(prefix, now, message)
end
redis.call('DEL', prefix .. 'digest:' .. commit.receiver)
redis.call('INCR', version)
redis.call('SET', prefix .. 'digest:since:' .. commit.receiver, now)
redis.call('ZREM', prefix .. 'digests:due', commit.receiver)
note(ARGV, 3)
return 'committed'
"""
)

RECONSIDER = """
-- now -> how many groups are due at once
local due, now = KEYS[1] .. 'groups:due', ARGV[1]
local groups = redis.call('ZRANGEBYSCORE', due, '(' .. now, '+inf')
for _, group in ipairs(groups) do
  redis.call('ZADD', due, now, group)
end
return #groups
"""

CLAIM = """
-- name of a sorted set, now, limit, end of lease -> what is due, and by then nobody else's
local claimed = redis.call('ZRANGEBYSCORE', KEYS[1] .. ARGV[1], '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
for _, one in ipairs(claimed) do
  redis.call('ZADD', KEYS[1] .. ARGV[1], ARGV[4], one)
end
return claimed
"""
