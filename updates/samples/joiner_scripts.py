"""What the joiner does on Valkey: each script happens as a whole or not at all.

Keys of one recommender, all in one hash slot:

    state        hash: numbers of batches and groups, times, counters
    index        hash: impression id → 8 bytes of its row's digest, "batch row event_time"
    batches      hash: "n:…" of batch n: about (arrival, rows), ids, rows (Arrow), out (rows left
                 out), mode (how it was closed), owed (positives not yet in the log)
    labels       hash: "n:row" → 1 in time, + after a fake negative, l late; only of labelled rows
    early        hash: id → label of feedback whose impression is not known
    early-times  sorted set: the same ids by arrival
    owed         list: "n row arrival" of positives that follow a fake negative
    closing      list: the group of them that is being appended
    delays:day   hash: bucket → labels (``joiner_delays``)
    lease        who is appending now

Batches have numbers from 1 on, in order of arrival: those up to ``closed`` change no more, those up
to ``emitted`` are in the log, those up to ``forgotten`` are known no more.
"""

from __future__ import annotations

from updates.samples.durable import Script

# Beyond 14 digits Lua writes a number with an exponent.
_TEXT = "local function text(number) return string.format('%.0f', number) end\n"
_DELAY = """
local function delayed(key, milliseconds)
  local bucket = 0
  if milliseconds >= 1000 then
    bucket = math.floor(4 * math.log(milliseconds / 1000) / math.log(2)) + 1
  end
  if redis.call('HINCRBY', key, bucket, 1) == 1 then
    redis.call('EXPIRE', key, 29 * 86400)
  end
end
"""

# KEYS: state, index, batches, labels, early, early times, delays of the day, batch id.
# ARGV: digest of the request, ids, row digests, event times, arrival, milliseconds to keep the
# answer, a new epoch, rows in Arrow, most impressions, skewed rows.
IMPRESSIONS = Script(
    _TEXT
    + _DELAY
    + """
local answered = redis.call('GET', KEYS[8])
if answered then
  -- Written again so that a WAITAOF on this connection waits for it.
  redis.call('SET', KEYS[8], answered, 'KEEPTTL')
  return {'known', answered}
end
local ids, events = cmsgpack.unpack(ARGV[2]), cmsgpack.unpack(ARGV[4])
local held = redis.call('HLEN', KEYS[2])
if held + #ids > tonumber(ARGV[9]) then return {'full', held} end
redis.call('HSETNX', KEYS[1], 'epoch', ARGV[7])
redis.call('HSETNX', KEYS[1], 'first', ARGV[5])
local state = redis.call('HMGET', KEYS[1], 'batches', 'arrived')
local n = text((state[1] or 0) + 1)
local arrived = text(math.max(tonumber(state[2] or 0), tonumber(ARGV[5])))
local accepted, early, confirmed = 0, 0, 0
local out, refused = {}, {}
for i, id in ipairs(ids) do
  local digest = string.sub(ARGV[3], 8 * i - 7, 8 * i)
  local known = redis.call('HGET', KEYS[2], id)
  if known then
    out[#out + 1] = i - 1
    if string.sub(known, 1, 8) ~= digest then refused[#refused + 1] = i - 1 end
  else
    accepted = accepted + 1
    redis.call('HSET', KEYS[2], id, digest .. n .. ' ' .. (i - 1) .. ' ' .. text(events[i]))
    local label = redis.call('HGET', KEYS[5], id)
    if label then
      redis.call('HDEL', KEYS[5], id)
      redis.call('ZREM', KEYS[6], id)
      early = early + 1
      if label == '1' then
        redis.call('HSET', KEYS[4], n .. ':' .. (i - 1), '1')
        delayed(KEYS[7], 0)
      else
        confirmed = confirmed + 1
      end
    end
  end
end
if accepted > 0 then
  redis.call('HSET', KEYS[1], 'batches', n, 'arrived', arrived)
  redis.call('HSET', KEYS[3], n .. ':about', arrived .. ' ' .. #ids, n .. ':ids', ARGV[2],
    n .. ':rows', ARGV[8])
  if #out > 0 then redis.call('HSET', KEYS[3], n .. ':out', cmsgpack.pack(out)) end
end
for name, count in pairs({impressions = accepted, pending = accepted, early = early,
    duplicate_impressions = #out - #refused, refused_impressions = #refused,
    confirmed_negatives = confirmed, skewed = tonumber(ARGV[10])}) do
  if count > 0 then redis.call('HINCRBY', KEYS[1], name, count) end
end
local answer = cmsgpack.pack({ARGV[1], accepted, #out - #refused, refused})
redis.call('SET', KEYS[8], answer, 'PX', ARGV[6])
return {'new', answer}
"""
)

# KEYS: state, index, batches, labels, early, early times, delays of the day, batch id, owed.
# ARGV: digest of the request, ids, labels (a letter each), event times, arrival, milliseconds to
# keep the answer, most early ones, tolerated skew.
FEEDBACK = Script(
    _TEXT
    + _DELAY
    + """
local answered = redis.call('GET', KEYS[8])
if answered then
  redis.call('SET', KEYS[8], answered, 'KEEPTTL')
  return {'known', answered}
end
local ids, events = cmsgpack.unpack(ARGV[2]), cmsgpack.unpack(ARGV[4])
local state = redis.call('HMGET', KEYS[1], 'closed', 'arrived')
local closed = tonumber(state[1] or 0)
local arrived = math.max(tonumber(state[2] or 0), tonumber(ARGV[5]))
local tolerated = tonumber(ARGV[8])
local count = {feedback = #ids, late = 0, unknown = 0, duplicate_feedback = 0, skewed = 0,
  confirmed_negatives = 0}
local function add(name) count[name] = count[name] + 1 end

local function keep_early(id, label)
  local before = redis.call('HGET', KEYS[5], id)
  if before and before >= label then return add('duplicate_feedback') end
  redis.call('HSET', KEYS[5], id, label)
  if before then return end
  redis.call('ZADD', KEYS[6], arrived, id)
  if redis.call('ZCARD', KEYS[6]) > tonumber(ARGV[7]) then
    redis.call('HDEL', KEYS[5], redis.call('ZPOPMIN', KEYS[6])[1])
    add('unknown')
  end
end

local function join(n, row)
  local field = n .. ':' .. row
  if redis.call('HEXISTS', KEYS[4], field) == 1 then return add('duplicate_feedback') end
  local about = redis.call('HMGET', KEYS[3], n .. ':about', n .. ':mode')
  delayed(KEYS[7], math.max(0, arrived - tonumber(string.match(about[1], '^%d+'))))
  if tonumber(n) > closed then
    redis.call('HSET', KEYS[4], field, '1')
  elseif about[2] == '+' then
    redis.call('HSET', KEYS[4], field, '+')
    redis.call('HINCRBY', KEYS[3], n .. ':owed', 1)
    redis.call('RPUSH', KEYS[9], n .. ' ' .. row .. ' ' .. text(arrived))
  else
    redis.call('HSET', KEYS[4], field, 'l')
    add('late')
  end
end

for i, id in ipairs(ids) do
  local label = string.sub(ARGV[3], i, i)
  local known = redis.call('HGET', KEYS[2], id)
  local ahead = events[i] > arrived + tolerated
  if not known then
    keep_early(id, label)
  else
    local n, row, shown = string.match(string.sub(known, 9), '^(%d+) (%d+) (%-?%d+)$')
    ahead = ahead or events[i] + tolerated < tonumber(shown)
    if label == '1' then join(n, row) else add('confirmed_negatives') end
  end
  if ahead then add('skewed') end
end
for name, times in pairs(count) do
  if times > 0 then redis.call('HINCRBY', KEYS[1], name, times) end
end
local answer = cmsgpack.pack({ARGV[1], #ids})
redis.call('SET', KEYS[8], answer, 'PX', ARGV[6])
return {'new', answer}
"""
)

# Close the batches whose window has ended, and begin a group of positives where none is begun.
# KEYS: state, batches, labels, owed, closing.
# ARGV: now, window in ms, mode ("w": labels as they came; "+": all negative, positives follow),
# most batches, most positives.
TAKE = Script(
    _TEXT
    + """
local state = redis.call('HMGET', KEYS[1], 'epoch', 'batches', 'closed', 'emitted')
local last, closed = tonumber(state[2] or 0), tonumber(state[3] or 0)
local emitted = tonumber(state[4] or 0)
local before = closed
while closed < last and closed - emitted < tonumber(ARGV[4]) do
  local n = text(closed + 1)
  local arrived, rows = string.match(redis.call('HGET', KEYS[2], n .. ':about'), '^(%d+) (%d+)$')
  if tonumber(arrived) + tonumber(ARGV[2]) > tonumber(ARGV[1]) then break end
  closed = closed + 1
  redis.call('HSET', KEYS[2], n .. ':mode', ARGV[3])
  if ARGV[3] == '+' then
    for row = 0, rows - 1 do
      local field = n .. ':' .. row
      if redis.call('HGET', KEYS[3], field) == '1' then
        redis.call('HSET', KEYS[3], field, '+')
        redis.call('HINCRBY', KEYS[2], n .. ':owed', 1)
        redis.call('RPUSH', KEYS[4], n .. ' ' .. row .. ' ' .. ARGV[1])
      end
    end
  end
end
if closed > before then redis.call('HSET', KEYS[1], 'closed', text(closed)) end
if redis.call('EXISTS', KEYS[5]) == 0 then
  local group = redis.call('LRANGE', KEYS[4], 0, ARGV[5] - 1)
  for _, each in ipairs(group) do redis.call('RPUSH', KEYS[5], each) end
  if #group > 0 then
    redis.call('LTRIM', KEYS[4], #group, -1)
    redis.call('HINCRBY', KEYS[1], 'groups', 1)
  end
end
return {state[1], emitted, closed, redis.call('HGET', KEYS[1], 'groups'),
  redis.call('LRANGE', KEYS[5], 0, -1)}
"""
)

# What a closed batch holds; nothing where it is in the log already and its rows are gone.
# KEYS: batches, labels. ARGV: its number.
READ = Script("""
local n = ARGV[1]
local batch = redis.call('HMGET', KEYS[1], n .. ':rows', n .. ':ids', n .. ':out', n .. ':about')
if not batch[1] then return {} end
local positives = {}
for row = 0, string.match(batch[4], '%d+$') - 1 do
  if redis.call('HGET', KEYS[2], n .. ':' .. row) == '1' then positives[#positives + 1] = row end
end
return {batch[1], batch[2], batch[3], positives}
""")

# A batch is in the log. KEYS: state, batches. ARGV: its number, positives, negatives, and
# negatives that were left out.
FINISH = Script("""
local n = ARGV[1]
if tonumber(redis.call('HGET', KEYS[1], 'emitted') or 0) ~= n - 1 then return end
redis.call('HSET', KEYS[1], 'emitted', n)
redis.call('HINCRBY', KEYS[1], 'joined_positives', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'joined_negatives', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'left_out_negatives', ARGV[4])
redis.call('HINCRBY', KEYS[1], 'pending', -(ARGV[2] + ARGV[3] + ARGV[4]))
-- Nobody needs the features any more, unless a positive may still follow.
if redis.call('HGET', KEYS[2], n .. ':mode') ~= '+' then
  redis.call('HDEL', KEYS[2], n .. ':rows')
end
""")

# A group of positives is in the log. KEYS: state, batches, closing. ARGV: its number.
FINISH_GROUP = Script("""
if redis.call('HGET', KEYS[1], 'groups') ~= ARGV[1] then return end
local group = redis.call('LRANGE', KEYS[3], 0, -1)
for _, each in ipairs(group) do
  redis.call('HINCRBY', KEYS[2], string.match(each, '^%d+') .. ':owed', -1)
end
redis.call('DEL', KEYS[3])
redis.call('HINCRBY', KEYS[1], 'joined_positives', #group)
""")

# Forget what is too old: batches in the log that owe nothing, and feedback without an impression.
# KEYS: state, index, batches, labels, early, early times.
# ARGV: batches that arrived before, early feedback that arrived before, most rows.
SWEEP = Script(
    _TEXT
    + """
local state = redis.call('HMGET', KEYS[1], 'forgotten', 'emitted')
local forgotten, emitted = tonumber(state[1] or 0), tonumber(state[2] or 0)
local before, swept, most = forgotten, 0, tonumber(ARGV[3])
while forgotten < emitted and swept < most do
  local n = text(forgotten + 1)
  local batch = redis.call('HMGET', KEYS[3], n .. ':about', n .. ':owed', n .. ':ids')
  if tonumber(string.match(batch[1], '^%d+')) >= tonumber(ARGV[1]) then break end
  if tonumber(batch[2] or 0) > 0 then break end
  for i, id in ipairs(cmsgpack.unpack(batch[3])) do
    local known = redis.call('HGET', KEYS[2], id)
    -- A row that was left out is the row of another batch.
    if known and string.match(string.sub(known, 9), '^%d+') == n then
      redis.call('HDEL', KEYS[2], id)
    end
    redis.call('HDEL', KEYS[4], n .. ':' .. (i - 1))
    swept = swept + 1
  end
  for _, part in ipairs({'about', 'ids', 'rows', 'out', 'mode', 'owed'}) do
    redis.call('HDEL', KEYS[3], n .. ':' .. part)
  end
  forgotten = forgotten + 1
end
if forgotten > before then redis.call('HSET', KEYS[1], 'forgotten', text(forgotten)) end
local unknown = redis.call('ZRANGE', KEYS[6], '-inf', '(' .. ARGV[2], 'BYSCORE', 'LIMIT', 0, most)
for _, id in ipairs(unknown) do
  redis.call('HDEL', KEYS[5], id)
  redis.call('ZREM', KEYS[6], id)
end
if #unknown > 0 then redis.call('HINCRBY', KEYS[1], 'unknown', #unknown) end
return swept >= most or #unknown == most
"""
)

# When there is something to do. KEYS: state, batches, early times, owed, closing.
# Answers with the arrivals of the oldest impressions that wait and that are remembered, that of
# the oldest feedback without an impression, and how many positives wait.
WAITING = Script("""
local state = redis.call('HMGET', KEYS[1], 'batches', 'closed', 'forgotten')
local last = tonumber(state[1] or 0)
local function arrival_after(n)
  n = tonumber(n or 0) + 1
  if n > last then return false end
  return string.match(redis.call('HGET', KEYS[2], string.format('%.0f', n) .. ':about'), '^%d+')
end
return {arrival_after(state[2]), arrival_after(state[3]),
  redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2] or false,
  redis.call('LLEN', KEYS[4]) + redis.call('LLEN', KEYS[5])}
""")

# Take or go on holding the lease. KEYS: lease. ARGV: holder, milliseconds.
HOLD = Script("""
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
""")

# Let the lease go, if it is held. KEYS: lease. ARGV: holder.
RELEASE = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
""")
