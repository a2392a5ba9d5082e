import { script } from "../../redis/redis.ts";

/**
 * Appends messages in their order, each once for its key. What stands under a key already is answered with that, full
 * or not. Keys: entries, ids, keys. Arguments: how many may wait; for each message its id, its key or nothing, the hash
 * of its content or nothing, and its text. Answers for each 1 (appended), 0 (no room) or the id and hash of the first.
 */
export const APPEND = script(`
local room = tonumber(ARGV[1]) - redis.call('XLEN', KEYS[1])
local answers = {}
for i = 2, #ARGV, 4 do
  local key = ARGV[i + 1]
  local first = key ~= '' and redis.call('HGET', KEYS[3], key)
  if first then
    answers[#answers + 1] = first
  elseif room <= 0 then
    answers[#answers + 1] = 0
  else
    room = room - 1
    local entry = redis.call('XADD', KEYS[1], '*', 'd', ARGV[i + 3])
    redis.call('HSET', KEYS[2], ARGV[i], entry)
    if key ~= '' then redis.call('HSET', KEYS[3], key, ARGV[i] .. ' ' .. ARGV[i + 2]) end
    answers[#answers + 1] = 1
  end
end
return answers`);

/**
 * Takes one message out again whose key turned out to be stored, from those that cannot be stored too if it has just come
 * there. Keys: entries, ids, keys, dead. Arguments: its id, its key, its text.
 */
export const WITHDRAW = script(`
local entry = redis.call('HGET', KEYS[2], ARGV[1])
if not entry then
  for _, one in ipairs(redis.call('XREVRANGE', KEYS[4], '+', '-', 'COUNT', 100)) do
    if one[2][2] == ARGV[3] then return redis.call('XDEL', KEYS[4], one[1]) end
  end
  return 0
end
redis.call('XDEL', KEYS[1], entry)
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[2])
return 1`);

/**
 * Cuts off what is stored, unless some of it was read meanwhile: then answers with that, id and users in turn, and does
 * nothing. Keys: entries, ids, keys, reads. Arguments: the first entry that stays, how many messages, their ids, and
 * those keys that they have.
 */
export const CUT = script(`
local count = tonumber(ARGV[2])
local ids = {}
for i = 1, count do ids[i] = ARGV[i + 2] end
if count > 0 and redis.call('EXISTS', KEYS[4]) == 1 then
  local users = redis.call('HMGET', KEYS[4], unpack(ids))
  local read = {}
  for i = 1, count do
    if users[i] then
      read[#read + 1] = ids[i]
      read[#read + 1] = users[i]
    end
  end
  if #read > 0 then return read end
end
if count > 0 then redis.call('HDEL', KEYS[2], unpack(ids)) end
if #ARGV > count + 2 then redis.call('HDEL', KEYS[3], unpack(ARGV, count + 3)) end
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])
return {}`);

/** Notes who has read a message, if it waits. Keys: ids, reads. Arguments: the message's id, the user's. */
export const MARK = script(`
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local users = redis.call('HGET', KEYS[2], ARGV[1])
if not users then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
elseif not string.find('\\n' .. users .. '\\n', '\\n' .. ARGV[2] .. '\\n', 1, true) then
  redis.call('HSET', KEYS[2], ARGV[1], users .. '\\n' .. ARGV[2])
end
return 1`);

/** Forgets who has read messages, where nobody was added since. Keys: reads. Arguments: id and users in turn. */
export const UNMARK = script(`
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return 0`);

/** The text of a message that waits, or nothing. Keys: entries, ids. Arguments: the message's id. */
export const FIND = script(`
local entry = redis.call('HGET', KEYS[2], ARGV[1])
if not entry then return false end
local found = redis.call('XRANGE', KEYS[1], entry, entry)
return found[1] and found[1][2][2]`);

/**
 * Moves one entry to those that cannot be stored, of which the oldest go where there are too many. Keys: entries, ids,
 * keys, reads, dead. Arguments: the entry, its message's id, its key, why, when, how many there may be.
 */
export const BURY = script(`
local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if #found == 0 then return 0 end
local fields = found[1][2]
local accepted = fields[4] or string.match(ARGV[1], '^%d+')
redis.call('XADD', KEYS[5], 'MAXLEN', ARGV[6], '*', 'd', fields[2], 'why', ARGV[4], 'at', ARGV[5], 'accepted', accepted)
redis.call('XDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[2])
redis.call('HDEL', KEYS[4], ARGV[2])
if ARGV[3] ~= '' then redis.call('HDEL', KEYS[3], ARGV[3]) end
return 1`);

/**
 * Puts one entry that could not be stored behind what waits. Keys: entries, ids, keys, dead. Arguments: the entry, its
 * message's id, its key, the hash of its content.
 */
export const REVIVE = script(`
local found = redis.call('XRANGE', KEYS[4], ARGV[1], ARGV[1])
if #found == 0 then return 0 end
local entry = redis.call('XADD', KEYS[1], '*', 'd', found[1][2][2], 'accepted', found[1][2][8])
if ARGV[2] ~= '' then redis.call('HSET', KEYS[2], ARGV[2], entry) end
if ARGV[3] ~= '' then redis.call('HSETNX', KEYS[3], ARGV[3], ARGV[2] .. ' ' .. ARGV[4]) end
redis.call('XDEL', KEYS[4], ARGV[1])
return 1`);

/** Takes or renews a lease. Keys: owner. Arguments: who, for how many milliseconds. Answers whether they have it. */
export const CLAIM = script(`
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`);

/** Gives a lease back. Keys: owner. Arguments: who. */
export const RELEASE = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0`);
