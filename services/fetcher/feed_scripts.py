"""What the feed store does in Valkey in one step each, as Lua scripts.

Timers have two levels, so that finding what is due costs as much as is found, however many feeds a host has:

    feeds:hosts         sorted set: host by when it may next be asked. While a fetcher asks it, when its lease ends
    host:{host}:due     sorted set: feed id by the time of its next poll; +inf for a feed that is gone
    host:{host}:lease   who asks the host now; expires by itself if that fetcher dies
    feeds:timed         hash: feed id -> host, newline, what the timer depends on. The feeds that have timers

A host that was just asked queues behind the others that are due. Keys are built from names, so this is not for a
Redis Cluster.
"""

from services.fetcher.script_runner import Script

HOSTS_KEY = "redline:feeds:hosts"
TIMED_KEY = "redline:feeds:timed"
AUDIT_KEY = "redline:feeds:audit"
VERSION_KEY = "redline:feeds:version"
KEPT_AUDIT = 10_000


def _script(body: str) -> Script:
    return Script.of(_COMMON + body)


_COMMON = (
    f"""
local HOSTS, TIMED, AUDIT, VERSION = '{HOSTS_KEY}', '{TIMED_KEY}', '{AUDIT_KEY}', '{VERSION_KEY}'
"""
    + """
local function due_key(host) return 'redline:host:{' .. host .. '}:due' end
local function lease_key(host) return 'redline:host:{' .. host .. '}:lease' end
local function feed_key(feed, what) return 'redline:feed:{' .. feed .. '}:' .. what end
local function host_of(feed)
  local timed = redis.call('HGET', TIMED, feed)
  if not timed then return nil end
  return string.match(timed, '^[^\\n]*'), string.match(timed, '\\n.*$')
end
-- Queue a host by its earliest feed, but not before `floor`. One that is being asked keeps its place until it is not.
local function queue(host, floor)
  if redis.call('EXISTS', lease_key(host)) == 1 then return end
  local head = redis.call('ZRANGE', due_key(host), 0, 0, 'WITHSCORES')
  if #head == 0 then redis.call('ZREM', HOSTS, host) return end
  if floor and tonumber(head[2]) < tonumber(floor) then head[2] = floor end
  redis.call('ZADD', HOSTS, head[2], host)
end
"""
)

# ARGV: now, limit, lease in ms, token. Returns the version, the time of the next host, then what was claimed: feed id,
# host, due and state or '' of each.
CLAIM = _script("""
local now, limit, lease_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local claims, count = {}, 0
while count < limit do
  local hosts = redis.call('ZRANGEBYSCORE', HOSTS, '-inf', ARGV[1], 'LIMIT', 0, limit - count)
  if #hosts == 0 then break end
  for _, host in ipairs(hosts) do
    local head = redis.call('ZRANGE', due_key(host), 0, 0, 'WITHSCORES')
    if #head == 0 then
      redis.call('ZREM', HOSTS, host)
    elseif tonumber(head[2]) > now then
      redis.call('ZADD', HOSTS, head[2], host)
    elseif redis.call('SET', lease_key(host), ARGV[4] .. ':' .. head[1], 'NX', 'PX', lease_ms) then
      redis.call('ZADD', HOSTS, string.format('%.6f', now + lease_ms / 1000), host)
      claims[#claims + 1] = head[1]
      claims[#claims + 1] = host
      claims[#claims + 1] = head[2]
      claims[#claims + 1] = redis.call('GET', feed_key(head[1], 'state')) or ''
      count = count + 1
    else
      local left = math.max(redis.call('PTTL', lease_key(host)), 1)
      redis.call('ZADD', HOSTS, string.format('%.6f', now + left / 1000), host)
    end
  end
end
local soonest = redis.call('ZRANGE', HOSTS, 0, 0, 'WITHSCORES')
return {redis.call('GET', VERSION), soonest[2] or '', claims}
""")

# ARGV: host, token, feed id, due as claimed, now, new due or '' for none, new host, then only for an outcome: state,
# move or '', number of fields and values to remember, these, ids to forget. Returns 0 if the claim is lost.
FINISH = _script(
    """
local host, token, feed, claimed, now, due, new_host = unpack(ARGV, 1, 7)
if redis.call('GET', lease_key(host)) ~= token then return 0 end
if ARGV[8] then
  redis.call('SET', feed_key(feed, 'state'), ARGV[8])
  if ARGV[9] ~= '' then
    redis.call('LPUSH', AUDIT, ARGV[9])
    redis.call('LTRIM', AUDIT, 0, """
    + str(KEPT_AUDIT - 1)
    + """)
  end
  local last = 10 + tonumber(ARGV[10])
  for at = 11, last, 2 do redis.call('HSET', feed_key(feed, 'seen'), ARGV[at], ARGV[at + 1]) end
  for at = last + 1, #ARGV do redis.call('HDEL', feed_key(feed, 'seen'), ARGV[at]) end
end
redis.call('DEL', lease_key(host))
local place, rest = host_of(feed)
local current = place and redis.call('ZSCORE', due_key(place), feed)
-- A feed that was removed during its poll stays removed; one that was changed or hastened keeps its new time.
if place == host and current and due ~= '' then
  if tonumber(current) ~= tonumber(claimed) and tonumber(current) < tonumber(due) then due = current end
  if new_host ~= host then
    redis.call('ZREM', due_key(host), feed)
    redis.call('HSET', TIMED, feed, new_host .. rest)
  end
  redis.call('ZADD', due_key(new_host), due, feed)
  if new_host ~= host then queue(new_host) end
end
queue(host, now)
return 1
"""
)

# ARGV: lease in ms, when it ends, then host and token of each claim. Returns 1 or 0 for each.
RENEW = _script("""
local kept = {}
for at = 3, #ARGV, 2 do
  local held = redis.call('GET', lease_key(ARGV[at])) == ARGV[at + 1]
  if held then
    redis.call('PEXPIRE', lease_key(ARGV[at]), ARGV[1])
    redis.call('ZADD', HOSTS, ARGV[2], ARGV[at])
  end
  kept[#kept + 1] = held and 1 or 0
end
return kept
""")

# ARGV: feed id, host, what the timer depends on, and when the feed is due or '' for when it was, of each feed.
PLACE = _script("""
for at = 1, #ARGV, 4 do
  local feed, host, rest, due = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local before = host_of(feed)
  if before then
    if due == '' then due = redis.call('ZSCORE', due_key(before), feed) or '' end
    if before ~= host then
      redis.call('ZREM', due_key(before), feed)
      queue(before)
    end
  end
  if due ~= '' then
    redis.call('HSET', TIMED, feed, host .. '\\n' .. rest)
    redis.call('ZADD', due_key(host), due, feed)
    queue(host)
  end
end
""")

# ARGV: ids of feeds that are not followed any more.
REMOVE = _script("""
for at = 1, #ARGV do
  local host = host_of(ARGV[at])
  if host then
    redis.call('HDEL', TIMED, ARGV[at])
    redis.call('ZREM', due_key(host), ARGV[at])
    queue(host)
  end
end
""")

# ARGV: feed id, now. Returns 1 if the feed has a timer and is not gone.
HASTEN = _script("""
local host = host_of(ARGV[1])
local due = host and redis.call('ZSCORE', due_key(host), ARGV[1])
if not due or due == 'inf' then return 0 end
redis.call('ZADD', due_key(host), ARGV[2], ARGV[1])
queue(host)
return 1
""")

# ARGV: feed id, article ids. Returns how many articles are remembered of the feed, then what is of each of these.
SEEN = _script("""
local key = feed_key(ARGV[1], 'seen')
return {redis.call('HLEN', key), #ARGV > 1 and redis.call('HMGET', key, unpack(ARGV, 2)) or {}}
""")

# ARGV: feed id. Returns its time, or nothing.
TIMER = _script("""
local host = host_of(ARGV[1])
return host and redis.call('ZSCORE', due_key(host), ARGV[1])
""")
