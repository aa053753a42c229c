-- Counts one request against three limits at once: the tenant's, the subject's, and the subject's for this class of requests.
-- All must have room, or nothing is counted.
--
-- Sliding window of a minute by two buckets: the requests of the present window, and those of the window before it weighted by the part
-- of it that the last 60 seconds still cover. The first request of a key begins its first window, so that keys do not all begin anew at
-- the same moment. The time is the server's, so that clocks of those who call do not matter.
--
-- KEYS: 1 the tenant's, 2 the subject's; both expire when all in them is forgotten.
-- ARGV: the place of the class among the classes (from 1), the number of classes, and the limits of tenant, subject and class, as one
-- text of five numbers; answered is a text of five numbers too. Each further word on the wire costs the caller two microseconds.
-- Stored, as unsigned 32-bit integers: the second at which the present window began, then for each meter the counts of the window
-- before and of the present one. The tenant has one meter; the subject has one for its total, then one for each class.
-- Answers: is_allowed (1 or 0), and of the tightest limit: its number, remaining, reset_s, retry_after_s.

local WINDOW_S = 60
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local class, classes, of_tenant, of_subject, of_class = string.match(ARGV[1], '^(%d+) (%d+) (%d+) (%d+) (%d+)$')

-- The meters under a key as they stand now.
local function opened(key, meters)
  local length = 1 + 2 * meters
  local stored = redis.call('GET', key)
  local found
  if stored and #stored == 4 * length then
    found = {struct.unpack('<' .. string.rep('I4', length), stored)}
    found[length + 1] = nil
  end
  local passed = found and math.floor((now - found[1]) / WINDOW_S) or 2
  if passed > 1 then
    found = {math.floor(now)}
    for place = 2, length do found[place] = 0 end
  elseif passed == 1 then
    found[1] = found[1] + WINDOW_S
    for place = 2, length, 2 do
      found[place] = found[place + 1]
      found[place + 1] = 0
    end
  elseif passed < 0 then
    -- The clock was set back: what was counted stays counted, and the window begins now.
    found[1] = math.floor(now)
  end
  return found
end

-- Whole seconds until a meter has room for one request, if nothing else is asked until then.
local function wait(before, present, elapsed, limit)
  if present < limit then
    return WINDOW_S * (1 - (limit - present - 1) / before) - elapsed
  end
  return WINDOW_S - elapsed + WINDOW_S * (1 - (limit - 1) / present)
end

local tenant = opened(KEYS[1], 1)
local subject = opened(KEYS[2], 1 + classes)
-- The class first: of equals, it is named.
local meters = {
  {subject, 2 + 2 * class, tonumber(of_class)},
  {subject, 2, tonumber(of_subject)},
  {tenant, 2, tonumber(of_tenant)},
}

local is_allowed, limit, remaining, longest, tightest = 1, 0, 0, 0, nil
for _, meter in ipairs(meters) do
  local counts, place, most = unpack(meter)
  local elapsed = now - counts[1]
  local before, present = counts[place], counts[place + 1]
  local left = most - before * (WINDOW_S - elapsed) / WINDOW_S - present
  if left < 1 - 1e-6 then
    local seconds = math.max(1, math.ceil(wait(before, present, elapsed, most) - 1e-6))
    if seconds > longest then is_allowed, limit, remaining, longest, tightest = 0, most, 0, seconds, meter end
  elseif is_allowed == 1 and (not tightest or left - 1 < remaining) then
    limit, remaining, tightest = most, left - 1, meter
  end
end

if is_allowed == 1 then
  for _, meter in ipairs(meters) do
    local counts, place = unpack(meter)
    counts[place + 1] = counts[place + 1] + 1
  end
  redis.call('SET', KEYS[1], struct.pack('<' .. string.rep('I4', #tenant), unpack(tenant)), 'PX', 2 * WINDOW_S * 1000)
  redis.call('SET', KEYS[2], struct.pack('<' .. string.rep('I4', #subject), unpack(subject)), 'PX', 2 * WINDOW_S * 1000)
end

local windows = tightest[1][tightest[2] + 1] > 0 and 2 or 1
local reset_s = math.ceil(tightest[1][1] + windows * WINDOW_S - now)
return string.format('%d %d %d %d %d', is_allowed, limit, math.floor(remaining + 1e-6), reset_s, longest)
