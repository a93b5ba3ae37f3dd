-- An oracle for cron: minute by minute over what zdump says of a zone, against the runs that
-- src/base/cron_next.c finds. It shares nothing with it but the rule:
--   fields that begin with '*' in minute or hour, and intervals of hours or less: elapsed time;
--   all others follow the wall: first of two equal times; what one change of clocks skips makes
--   one run, at the change.
-- usage: cron_oracle.lua CRON-FIRES [SHARE [PART PARTS]]   SHARE of a million parts of the windows
local FIRES, share = arg[1], tonumber(arg[2] or '1000000')
local part, parts = tonumber(arg[3] or '0'), tonumber(arg[4] or '1')
local MINUTE, DAY = 60, 86400
local FIRST, LAST = 0, 4102444800 -- 1970 to 2099, for random weeks
local LAST_CHANGE = 2145916800 -- transitions up to the end of 2037

local ZONES = {
  'Europe/Paris', 'Europe/London', 'Europe/Dublin', 'Europe/Moscow', 'Europe/Istanbul',
  'Europe/Lisbon', 'Europe/Chisinau', 'Atlantic/Azores', 'America/New_York', 'America/Chicago',
  'America/Los_Angeles', 'America/St_Johns', 'America/Caracas', 'America/Sao_Paulo',
  'America/Santiago', 'America/Havana', 'America/Scoresbysund', 'America/Nuuk',
  'America/Asuncion', 'America/Anchorage', 'Africa/Casablanca', 'Africa/Cairo', 'Africa/Monrovia',
  'Africa/Juba', 'Africa/Windhoek', 'Asia/Tehran', 'Asia/Gaza', 'Asia/Kathmandu', 'Asia/Kolkata',
  'Asia/Pyongyang', 'Asia/Amman', 'Asia/Dhaka', 'Australia/Lord_Howe', 'Australia/Sydney',
  'Antarctica/Troll', 'Antarctica/Casey', 'Pacific/Apia', 'Pacific/Kwajalein',
  'Pacific/Kiritimati', 'Pacific/Chatham',
}

-- --- the calendar, counted year by year -----------------------------------------------------

local function is_leap(y) return y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0) end

local DATE = {} -- day number from 1969-01-01 on: { month, day, weekday }
local DAY_OF = {} -- [year][month]: the day number of its first
do
  local lengths = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
  local day = -365
  for year = 1969, 2101 do
    DAY_OF[year] = {}
    for month = 1, 12 do
      DAY_OF[year][month] = day
      local last = lengths[month] + ((month == 2 and is_leap(year)) and 1 or 0)
      for d = 1, last do
        DATE[day] = { month, d, (day + 4) % 7, last }
        day = day + 1
      end
    end
  end
end

-- --- schedules ------------------------------------------------------------------------------

local LIMITS = { { 0, 59 }, { 0, 23 }, { 1, 31 }, { 1, 12 }, { 0, 6 } }

local function parse_field(text, limits)
  local set = {}
  for item in text:gmatch('[^,]+') do
    local range, step = item:match('^([^/]+)/?(%d*)$')
    local first, last = range:match('^(%d+)%-(%d+)$')
    if range == '*' then first, last = limits[1], limits[2] end
    first = tonumber(first or range)
    last = tonumber(last or range)
    for i = first, last, tonumber(step ~= '' and step or 1) do set[i] = true end
  end
  return set
end

local function fields(text)
  local f = {}
  for one in text:gmatch('%S+') do f[#f + 1] = one end
  local set = {}
  for i = 1, 5 do set[i] = parse_field(f[i], LIMITS[i]) end
  local minutes = {}
  for m = 0, 1439 do minutes[m] = set[1][m % 60] and set[2][m // 60] or false end
  return {
    text = text,
    is_elapsed = f[1]:sub(1, 1) == '*' or f[2]:sub(1, 1) == '*',
    minutes = minutes,
    day_ok = function(day)
      local d = DATE[day]
      return d and set[4][d[1]] and set[3][d[2]] and set[5][d[3]] or false
    end,
  }
end

-- Every `every` seconds from `start`, of elapsed time.
local function elapsed_interval(text, start, every)
  local function at(utc) return utc >= start and (utc - start) % every == 0 end
  return { text = text, is_elapsed = true, at = at }
end

-- The walls of an interval of months and days that starts at a wall time.
local function wall_interval(text, year, month, day, secs, months, days)
  local walls, k = {}, 0
  while true do
    local m = month - 1 + k * months
    local first = DAY_OF[year + m // 12] and DAY_OF[year + m // 12][m % 12 + 1]
    if not first then break end
    local there = first + math.min(day, DATE[first][4]) - 1 + k * days
    if there * DAY > LAST + 30 * DAY then break end
    walls[there * DAY + secs] = true
    k = k + 1
  end
  return { text = text, is_elapsed = false, walls = walls }
end

local function random_field(limits, stars)
  local function pick() return math.random(limits[1], limits[2]) end
  local kind = math.random(1, stars and 6 or 5)
  local a, b = pick(), pick()
  if a > b then a, b = b, a end
  if kind == 1 then return tostring(a) end
  if kind == 2 then return a < b and a .. ',' .. b or tostring(a) end
  if kind == 3 then return a .. '-' .. b end
  if kind == 4 and b - a > 1 then return a .. '-' .. b .. '/' .. math.random(1, b - a) end
  if kind == 5 and stars then return '*/' .. math.random(1, (limits[2] - limits[1]) // 2) end
  return stars and '*' or tostring(b)
end

local function random_schedule()
  local f = {}
  for i = 1, 2 do f[i] = random_field(LIMITS[i], math.random() < 0.4) end
  for i = 3, 5 do f[i] = '*' end
  local roll = math.random()
  if roll < 0.15 then f[3] = random_field(LIMITS[3], true) end
  if roll > 0.85 then f[5] = random_field(LIMITS[5], true) end
  if math.random() < 0.1 then f[4] = random_field(LIMITS[4], true) end
  return fields(table.concat(f, ' '))
end

local function schedules()
  local list = {}
  for line in ([[
* * * * *|*/5 * * * *|*/15 * * * *|0 * * * *|30 * * * *|0 */2 * * *|30 */3 * * *|* 2 * * *
*/10 1-3 * * *|0 0 * * *|30 0 * * *|0 1 * * *|30 1 * * *|59 1 * * *|0 2 * * *|1 2 * * *
15 2 * * *|30 2 * * *|45 2 * * *|59 2 * * *|0 3 * * *|30 3 * * *|15 3 * * *|0,30 2,3 * * *
0,15,30,45 1-3 * * *|0-59 2 * * *|0-59 0-23 * * *|5-55/10 0-23/2 * * *|0 12 * * *|59 23 * * *
0 0 * * 0|30 2 * * 0|0 2 * * 6|0 0 1 * *|30 2 29 2 *|0 0 31 * *|0 3 31 3 *|0 1 * 3,10 *
30 2 * 3-5 *
]]):gmatch('[^|\n]+') do
    list[#list + 1] = fields(line)
  end
  list[#list + 1] = elapsed_interval('R/1970-01-02T00:30:00Z/PT1H', DAY + 1800, 3600)
  list[#list + 1] = elapsed_interval('R/1970-01-02T00:00:00Z/PT7M', DAY, 420)
  list[#list + 1] = elapsed_interval('R/1970-01-02T02:30:00Z/PT24H', DAY + 9000, DAY)
  list[#list + 1] = wall_interval('R/1970-01-03T02:30:00/P1D', 1970, 1, 3, 9000, 0, 1)
  list[#list + 1] = wall_interval('R/1970-01-03T00:00:00/P2D', 1970, 1, 3, 0, 0, 2)
  list[#list + 1] = wall_interval('R/1970-01-04T02:00:00/P1W', 1970, 1, 4, 7200, 0, 7)
  list[#list + 1] = wall_interval('R/1970-01-31T00:30:00/P1M', 1970, 1, 31, 1800, 1, 0)
  list[#list + 1] = wall_interval('R/1972-02-29T01:30:00/P1Y', 1972, 2, 29, 5400, 12, 0)
  list[#list + 1] = wall_interval('R/1970-01-30T03:00:00/P1M1D', 1970, 1, 30, 10800, 1, 1)
  while #list < 200 do list[#list + 1] = random_schedule() end
  return list
end

-- --- zones, from zdump -----------------------------------------------------------------------

local MONTHS = {
  Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6,
  Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12,
}

-- { first = offset, { at, offset }, ... }
local function load_zone(name)
  local zone, pipe = {}, io.popen('zdump -v -c 1968,2101 ' .. name)
  for line in pipe:lines() do
    local mon, day, h, m, s, year, offset =
      line:match(' (%a%a%a) +(%d+) (%d+):(%d+):(%d+) (%d+) UT = .* gmtoff=(-?%d+)$')
    if mon and tonumber(year) < 2101 and tonumber(year) > 1967 then
      local months = DAY_OF[tonumber(year)] or DAY_OF[1969]
      local at = (months[MONTHS[mon]] + day - 1) * DAY + h * 3600 + m * 60 + s
      if tonumber(year) == 1968 then at = at - 366 * DAY end
      local before = #zone > 0 and zone[#zone][2] or zone.first
      if not before then
        zone.first = tonumber(offset)
      elseif tonumber(offset) ~= before then
        zone[#zone + 1] = { math.tointeger(at), tonumber(offset) }
      end
    end
  end
  pipe:close()
  if not zone.first then -- no change at all in these years
    pipe = io.popen('TZ=' .. name .. ' date -d @1000000000 +%z')
    local sign, h, m = pipe:read('a'):match('([+-])(%d%d)(%d%d)')
    pipe:close()
    zone.first = (h * 3600 + m * 60) * (sign == '-' and -1 or 1)
    zone.first = math.tointeger(zone.first)
  end
  return zone
end

-- Minute by minute from three days before `from`, so that what the wall showed is known.
-- steps: { utc, wall, is_first } ; gaps: [index of the step at the change] = { skipped walls }
local function walk(zone, from, till)
  local steps, gaps = {}, {}
  local begin = from - 3 * DAY
  local at, offset = 1, zone.first
  while zone[at] and zone[at][1] <= begin do
    offset = zone[at][2]
    at = at + 1
  end
  local utc = begin + (-(begin + offset)) % MINUTE
  local reached = utc + offset
  while utc <= till do
    while zone[at] and zone[at][1] <= utc do
      local change, new = zone[at][1], zone[at][2]
      local skipped = {}
      for wall = reached + (-reached) % MINUTE, change + new - 1, MINUTE do
        skipped[#skipped + 1] = wall
      end
      if change + new > reached then reached = change + new end
      if #skipped > 0 and change > from and change <= till then
        gaps[#gaps + 1] = { change, skipped }
      end
      offset = new
      at = at + 1
      utc = change + (-(change + new)) % MINUTE
    end
    if utc > till then break end
    local wall = utc + offset
    local is_first = wall >= reached
    if is_first then reached = wall + MINUTE end
    if utc > from then steps[#steps + 1] = { utc, wall, is_first } end
    utc = utc + MINUTE
  end
  return steps, gaps
end

local function matches(s, wall)
  if s.walls then return s.walls[wall] end
  return s.minutes[wall % DAY // MINUTE] and s.day_ok(wall // DAY)
end

-- Steps as flat arrays: what the inner loop needs.
local function flatten(steps)
  local utc, minute, day, first, wall = {}, {}, {}, {}, {}
  for i, s in ipairs(steps) do
    utc[i], wall[i], first[i] = s[1], s[2], s[3]
    minute[i], day[i] = s[2] % DAY // MINUTE, s[2] // DAY
  end
  return { utc = utc, minute = minute, day = day, first = first, wall = wall, count = #steps }
end

local function runs_of_steps(s, w)
  local found = {}
  local utc, minute, day, first = w.utc, w.minute, w.day, w.first
  local any = s.is_elapsed
  if s.at then
    for i = 1, w.count do if s.at(utc[i]) then found[#found + 1] = utc[i] end end
  elseif s.walls then
    for i = 1, w.count do
      if first[i] and s.walls[w.wall[i]] then found[#found + 1] = utc[i] end
    end
  else
    local minutes, ok = s.minutes, {}
    for d = day[1] - 3, day[w.count] + 3 do ok[d] = s.day_ok(d) end
    for i = 1, w.count do
      if minutes[minute[i]] and ok[day[i]] and (any or first[i]) then
        found[#found + 1] = utc[i]
      end
    end
  end
  return found
end

-- Intervals of elapsed time need no minute of a wall: their instants are on any second.
local function runs_of_interval(s, from, till)
  local found = {}
  for utc = from + 1, till do if s.at(utc) then found[#found + 1] = utc end end
  return found
end

local function runs(s, w, gaps, from, till)
  if s.at then return runs_of_interval(s, from - from % 60, till) end
  local found = runs_of_steps(s, w)
  if s.is_elapsed then return found end
  local seen = {}
  for _, utc in ipairs(found) do seen[utc] = true end
  for _, gap in ipairs(gaps) do
    for _, wall in ipairs(gap[2]) do
      if matches(s, wall) and not seen[gap[1]] then
        seen[gap[1]] = true
        found[#found + 1] = gap[1]
      end
    end
  end
  table.sort(found)
  return found
end

-- --- comparing -------------------------------------------------------------------------------

local function hash(found)
  local h = 0
  for _, utc in ipairs(found) do h = h * 31 + utc end
  return h
end

local function ask(zone, requests)
  local name = os.tmpname()
  local file = assert(io.open(name, 'w'))
  file:write(table.concat(requests, '\n'), '\n')
  file:close()
  local pipe = assert(io.popen(FIRES .. ' ' .. zone .. ' <' .. name))
  local answers = {}
  for line in pipe:lines() do answers[#answers + 1] = line end
  local ok = pipe:close()
  os.remove(name)
  assert(ok and #answers == #requests, 'cron-fires failed for ' .. zone)
  return answers
end

local compared, wrong, windows, fired = 0, 0, 0, 0

local function compare(name, zone, list, spans)
  local requests, expected = {}, {}
  for _, span in ipairs(spans) do
    local from, till = span[1], span[2]
    local steps, gaps = walk(zone, from, till)
    local w = flatten(steps)
    for _, s in ipairs(list) do
      local found = runs(s, w, gaps, from, till)
      requests[#requests + 1] = ('%d %d %s'):format(from, till, s.text)
      expected[#expected + 1] = ('%d %d'):format(#found, hash(found))
      fired = fired + #found
    end
    windows = windows + 1
  end
  if #requests == 0 then return end
  for i, answer in ipairs(ask(name, requests)) do
    compared = compared + 1
    if answer ~= expected[i] then
      wrong = wrong + 1
      if wrong <= 20 then
        print('MISMATCH', name, requests[i], 'oracle ' .. expected[i], 'ours ' .. answer)
      end
    end
  end
end

local function every_zone()
  local names, pipe = {}, io.popen('cat /usr/share/zoneinfo/zone1970.tab')
  for line in pipe:lines() do
    local name = line:match('^%u[%u,]*\t[^\t]+\t([^\t]+)')
    if name then names[#names + 1] = name end
  end
  pipe:close()
  return names
end

math.randomseed(20261121)
local list = schedules()
for i, name in ipairs(ZONES) do
  local zone, spans = load_zone(name), {}
  for _, change in ipairs(zone) do
    local take = math.random(1000000) <= share
    if take and i % parts == part and change[1] >= FIRST and change[1] < LAST_CHANGE then
      spans[#spans + 1] = { change[1] - DAY - 1, change[1] + DAY }
    end
  end
  compare(name, zone, list, spans)
end

local names = every_zone()
for week = 1, 1000 do
  local name = names[math.random(#names)]
  local from = math.random(FIRST + 7 * DAY, LAST - 30 * DAY)
  local take = math.random(1000000) <= share
  if take and week % parts == part then
    local minute = from - from % 60
    compare(name, load_zone(name), list, { { minute - 1, minute + 7 * DAY } })
  end
end
print(('%d windows, %d schedules, %d comparisons, %d runs, %d mismatches')
  :format(windows, #list, compared, fired, wrong))
os.exit(wrong == 0 and windows > 0)
