"""The rule store's Lua scripts: rules, version and change log change in one step, so no reader misses a change.

KEYS: the rules, the version, the change log (rules by the version of their last change), the version since which the
log is complete. ARGV[1]: how many changes the log keeps.
"""

_NOTE = """
local function note(fields)
  local version = redis.call('INCR', KEYS[2])
  if redis.call('EXISTS', KEYS[4]) == 0 then
    redis.call('SET', KEYS[4], version - 1)
  end
  for _, field in ipairs(fields) do
    redis.call('ZADD', KEYS[3], version, field)
  end
  local over = redis.call('ZCARD', KEYS[3]) - tonumber(ARGV[1])
  if over > 0 then
    -- Whole versions go, or a reader would take half a change for the whole.
    local newest = redis.call('ZRANGE', KEYS[3], over - 1, over - 1, 'WITHSCORES')[2]
    redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', newest)
    redis.call('SET', KEYS[4], newest)
  end
end
"""

PUT = (
    _NOTE
    + """
-- 1 to replace what is there, then (field, rule) pairs -> the fields left as they were
local put, left = {}, {}
for i = 3, #ARGV, 2 do
  if ARGV[2] == '1' or redis.call('HEXISTS', KEYS[1], ARGV[i]) == 0 then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    put[#put + 1] = ARGV[i]
  else
    left[#left + 1] = ARGV[i]
  end
end
if #put > 0 then note(put) end
return left
"""
)

EXCHANGE = (
    _NOTE
    + """
-- field, rule as it was read, rule -> 1 if it was exchanged
if redis.call('HGET', KEYS[1], ARGV[2]) ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[4])
note({ARGV[2]})
return 1
"""
)

REMOVE = (
    _NOTE
    + """
-- field -> 1 if it was there
if redis.call('HDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
note({ARGV[2]})
return 1
"""
)
