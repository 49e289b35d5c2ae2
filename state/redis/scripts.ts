/*
 * Everything that Redis does for us is one of these scripts: each is atomic, one round trip, and
 * touches keys of one hash slot. They are sent as text (EVAL): an edge may be an ocean away, and a
 * second round trip after a restart (EVALSHA, NOSCRIPT) costs more than a kilobyte.
 *
 * Keys, all below `meridian:{<prefix>}:`
 *   now          hash: epoch, version, mark, bytes (of the log), `site:<name>` -> JSON,
 *                `drained:<edge>` -> 1, `token:<id>` -> JSON, and so `certificate:<name>`,
 *                `challenge:<token>`, `order:<certificate>`, `account:<directory>`
 *   log          stream: entry `<version>-0` with at, by, mark, body, in this order; bounded
 *   secrets      hash: name -> 32 hexadecimal digits
 *   acks, beats, reports, measured   hashes: name -> `<forget at, ms>:<value>`
 *   lease:<name> string: who holds it; expires
 *   load         string: `<step>:<plan>`; expires
 *   round-trips  hash: version, at, body (JSON without both)
 *   objects:<edge>, objects-at:<edge>   hash: key -> `<fresh until, ms>:<JSON>`; by time stored
 *
 * The snapshot is one key, so that an eviction or a partial loss takes all of it or nothing: sites
 * cannot go missing one by one. When it is gone, the next script of anybody begins a new log under
 * a new epoch.
 */

/** KEYS: now, log, acks. ARGV[1]: the epoch to begin with if there is no log. */
const HEAD = `
local h = redis.call('HMGET', KEYS[1], 'epoch', 'version', 'mark')
if not (h[1] and h[2] and h[3] and string.match(h[2], '^%d+$')) then
  if redis.call('EXISTS', KEYS[1]) == 1 then
    return redis.error_reply('DAMAGED ' .. KEYS[1] .. ' lacks its head: restore it or delete it')
  end
  redis.call('DEL', KEYS[2], KEYS[3])
  h = {ARGV[1], '0', ''}
  redis.call('HSET', KEYS[1], 'epoch', h[1], 'version', h[2], 'mark', h[3])
end
`;

const NOW = `
local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
`;

/**
 * More ARGV: mark, by, body, field, value (empty deletes the field), entries kept, bytes of bodies
 * kept, channel, version expected (empty: any). Answers nothing if that is not the newest.
 */
export const APPEND = `${HEAD}${NOW}
if ARGV[10] ~= '' and ARGV[10] ~= h[2] then return {} end
local version = string.format('%.0f', h[2] + 1)
local at = string.format('%.0f', now())
redis.call('XADD', KEYS[2], version .. '-0',
  'at', at, 'by', ARGV[3], 'mark', ARGV[2], 'body', ARGV[4])
local kept = redis.call('XLEN', KEYS[2])
local bytes = #ARGV[4]
if kept > 1 then bytes = bytes + (tonumber(redis.call('HGET', KEYS[1], 'bytes') or '0') or 0) end
while kept > 1 and (kept > tonumber(ARGV[7]) or bytes > tonumber(ARGV[8])) do
  local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
  redis.call('XDEL', KEYS[2], oldest[1])
  bytes = bytes - #(oldest[2][8] or '')
  kept = kept - 1
end
if ARGV[5] ~= '' then
  if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], ARGV[5], ARGV[6])
  else redis.call('HDEL', KEYS[1], ARGV[5]) end
end
redis.call('HSET', KEYS[1], 'version', version, 'mark', ARGV[2],
  'bytes', string.format('%.0f', bytes))
redis.call('PUBLISH', ARGV[9], version)
return {h[1], version, at}
`;

/** KEYS: secrets. ARGV: name, what becomes the secret if there is none that can be read. */
export const SHARED_SECRET = `
local kept = redis.call('HGET', KEYS[1], ARGV[1])
if kept and #kept == 32 and string.match(kept, '^[0-9a-f]+$') then return kept end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return ARGV[2]
`;

/** KEYS: lease:<name>. ARGV: holder, ttl in ms (0: gives it up). Answers 1 if the holder has it. */
export const LEASE = `
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`;

/** Answers the snapshot hash as field, value, field, value. */
export const SNAPSHOT = `${HEAD}
return redis.call('HGETALL', KEYS[1])
`;

/**
 * More ARGV: version, how many behind it, bytes after which a page ends. Answers epoch, version and
 * mark of the head, mark of the entry at the version (empty if it is not there), entries behind it.
 */
export const CHANGES = `${HEAD}
local from, limit, bytes = ARGV[2] .. '-0', tonumber(ARGV[3]), tonumber(ARGV[4])
local anchor = redis.call('XRANGE', KEYS[2], from, from)[1]
local mark = anchor and anchor[2][6] or ''
local found, after = {}, '(' .. from
while #found < limit and bytes > 0 do
  local some = redis.call('XRANGE', KEYS[2], after, '+', 'COUNT', 16)
  for _, entry in ipairs(some) do
    if #found < limit and bytes > 0 then
      found[#found + 1] = entry
      after = '(' .. entry[1]
      bytes = bytes - #(entry[2][8] or '')
    end
  end
  if #some < 16 then break end
end
return {h[1], h[2], h[3], mark, found}
`;

/** More ARGV: the version below which they are (empty: all), how many. Newest first. */
export const RECENT = `${HEAD}
local top = ARGV[2] == '' and '+' or '(' .. ARGV[2] .. '-0'
return redis.call('XREVRANGE', KEYS[2], top, '-', 'COUNT', ARGV[3])
`;

/** Puts into a hash whose fields are forgotten one by one, and which is bounded and expires. */
const PUT = `${NOW}
local function live(key, visit)
  local at, flat = now(), redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    local till, value = string.match(flat[i + 1], '^(%d+):(.*)$')
    if till and tonumber(till) > at then visit(flat[i], value)
    else redis.call('HDEL', key, flat[i]) end
  end
end
local function put(key, field, value, ttl, fields)
  redis.call('HSET', key, field, string.format('%.0f', now() + ttl) .. ':' .. value)
  if redis.call('PTTL', key) < tonumber(ttl) then redis.call('PEXPIRE', key, ttl) end
  if redis.call('HLEN', key) <= tonumber(fields) then return end
  live(key, function() end)
  if redis.call('HLEN', key) > tonumber(fields) then redis.call('HDEL', key, field) end
end
`;

/**
 * More ARGV: epoch that the version is of (empty: any), node, version, ttl in ms, nodes kept. What
 * was acknowledged of a log that is gone must not count for the one that took its place.
 */
export const ACKNOWLEDGE = `${HEAD}${PUT}
if ARGV[2] ~= '' and ARGV[2] ~= h[1] then return 0 end
if tonumber(ARGV[4]) > tonumber(h[2]) then return 0 end
put(KEYS[3], ARGV[3], ARGV[4], ARGV[5], ARGV[6])
return 1
`;

/** KEYS: the hash. ARGV: field, value, ttl in ms, fields kept. */
export const PUT_EXPIRING = `${PUT}
put(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
return 1
`;

/** KEYS: the hash. Answers field, value, field, value of what is not forgotten. */
export const READ_EXPIRING = `${PUT}
local found = {}
live(KEYS[1], function(field, value)
  found[#found + 1] = field
  found[#found + 1] = value
end)
return found
`;

/** KEYS: round-trips. ARGV: at, body. Answers the version. */
export const PUT_ROUND_TRIPS = `
local kept = redis.call('HGET', KEYS[1], 'version')
local version = 1
if kept and string.match(kept, '^%d+$') then version = kept + 1 end
redis.call('HSET', KEYS[1], 'version', string.format('%.0f', version),
  'at', ARGV[1], 'body', ARGV[2])
return string.format('%.0f', version)
`;

/** KEYS: round-trips. ARGV: version and at that are known. Answers version, at, body of others. */
export const ROUND_TRIPS = `
local head = redis.call('HMGET', KEYS[1], 'version', 'at')
if not head[1] or (head[1] == ARGV[1] and head[2] == ARGV[2]) then return {} end
return {head[1], head[2] or '', redis.call('HGET', KEYS[1], 'body') or ''}
`;

/**
 * KEYS: load. ARGV: ttl in ms, then, if there is a proposal, its step and it. Answers the plan in
 * force, or nothing.
 */
export const AGREE_ON_LOAD = `
local inForce = redis.call('GET', KEYS[1])
local step = inForce and tonumber(string.match(inForce, '^%d+'))
if ARGV[2] and (not step or tonumber(ARGV[2]) == step + 1) then
  inForce = ARGV[2] .. ':' .. ARGV[3]
  redis.call('SET', KEYS[1], inForce, 'PX', ARGV[1])
end
return inForce or ''
`;

/** KEYS: objects, objects-at. ARGV: ttl in ms, records kept, n, n times (key, at, value), drops. */
export const RECORD_OBJECTS = `
local position = 4
for _ = 1, ARGV[3] do
  redis.call('HSET', KEYS[1], ARGV[position], ARGV[position + 2])
  redis.call('ZADD', KEYS[2], ARGV[position + 1], ARGV[position])
  position = position + 3
end
for i = position, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[i])
  redis.call('ZREM', KEYS[2], ARGV[i])
end
local over = redis.call('ZCARD', KEYS[2]) - ARGV[2]
if over > 0 then
  local oldest = redis.call('ZPOPMIN', KEYS[2], over)
  for i = 1, #oldest, 2 do redis.call('HDEL', KEYS[1], oldest[i]) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return 1
`;

/** KEYS: objects, objects-at. ARGV: how many, now in ms. Answers JSON, newest first. */
export const NEWEST_OBJECTS = `
local found, start, limit, at = {}, 0, tonumber(ARGV[1]), tonumber(ARGV[2])
while #found < limit do
  local keys = redis.call('ZREVRANGE', KEYS[2], start, start + 99)
  if #keys == 0 then break end
  for _, key in ipairs(keys) do
    local till, value = string.match(redis.call('HGET', KEYS[1], key) or '', '^(%d+):(.*)$')
    if till and tonumber(till) > at then
      if #found < limit then found[#found + 1] = value end
      start = start + 1
    else
      redis.call('HDEL', KEYS[1], key)
      redis.call('ZREM', KEYS[2], key)
    end
  end
end
return found
`;
