-- The oracle of the planner: says, from the rules of section "process states,
-- task states, scheduling" alone, what becomes of a task, and compares with what
-- the C planner made of it (tests/tools/plan_outcomes.c prints both).
--
--     build/bin/plan-outcomes 1 10000 | lua5.4 tests/lua/plan_oracle.lua
--
-- It keeps no counters and no graph: only the list of runs of each process, of
-- which it asks everything anew at each instant. Prints the first lines it
-- disagrees with; the last line is "N agree, N disagree".
local SHOWN = 200 -- starts that the C side prints

local function read(line)
  local head, processes, orders, outcome = line:match '^([^|]*)|([^|]*)|([^|]*)|(.*)$'
  local n = {}
  for number in head:gmatch '%d+' do n[#n + 1] = tonumber(number) end
  local task = { max_failures = n[1], concurrency = n[2], finalization = n[3], runs_max = n[4],
    kill_at = n[5], grace = n[6], orphans = n[7] > 0, stubborn = n[8] > 0, outcome = outcome }
  for failures, duration, flags, lasts, ends in
    processes:gmatch '(%d+) (%d+) (%S+) (%d+) (%a+);' do
    task[#task + 1] = { max_failures = tonumber(failures), min_duration = tonumber(duration),
      daemon = flags:find 'd' ~= nil, ephemeral = flags:find 'e' ~= nil,
      final = flags:find 'f' ~= nil, stubborn = flags:find 'i' ~= nil, lasts = tonumber(lasts),
      ends = ends, runs = {}, after = {} }
  end
  task.orders = {}
  for a, b in orders:gmatch '(%d+)>(%d+)' do
    task.orders[#task.orders + 1] = { task[tonumber(a) + 1], task[tonumber(b) + 1] }
  end
  return task
end

-- May `b` wait for `a`?
local function may_order(a, b)
  return a.final == b.final and not a.daemon and (not a.ephemeral or b.ephemeral)
end

-- Does a path lead from `from` to `to`? (Depth first; at most eight processes.)
local function leads(from, to, seen)
  for _, next_one in ipairs(from.before) do
    if next_one == to then return true end
    if not seen[next_one] then
      seen[next_one] = true
      if leads(next_one, to, seen) then return true end
    end
  end
  return false
end

local function refusal(task)
  for _, p in ipairs(task) do p.before = {} end
  for i, order in ipairs(task.orders) do
    local a, b = order[1], order[2]
    if not may_order(a, b) then return 'refused ' .. (i - 1) end
    a.before[#a.before + 1] = b
    b.after[#b.after + 1] = a
  end
  for _, p in ipairs(task) do
    if leads(p, p, {}) then return 'circle' end
  end
end

-- What the runs of a process say about it.
local function running(p)
  local last = p.runs[#p.runs]
  return last and not last.how and last
end

local function finished(p)
  local last = p.runs[#p.runs]
  return last ~= nil and last.how == 's' and not p.daemon
end

local function failures(p)
  local n = 0
  for _, run in ipairs(p.runs) do n = n + (run.how == 'f' and 1 or 0) end
  return n
end

local function failed(task, p)
  if #p.runs == 0 or running(p) or finished(p) then return false end
  return p.max_failures > 0 and failures(p) >= p.max_failures or #p.runs >= task.runs_max
end

-- It will run (again), now or when its time has come.
local function wants(task, p)
  if running(p) or finished(p) or failed(task, p) then return false end
  for _, a in ipairs(p.after) do
    if not finished(a) then return false end
  end
  return true
end

local function due(p)
  local last = p.runs[#p.runs]
  return last and last.ended + p.min_duration or 0
end

-- Of the processes of one stage, leaving the ephemeral out: does it hold for...
local function all(task, final, test)
  for _, p in ipairs(task) do
    if p.final == final and not p.ephemeral and not test(task, p) then return false end
  end
  return true
end
local function is_settled(task, p) return finished(p) or failed(task, p) end
local function is_idle(task, p) return not running(p) and not wants(task, p) end

local function complete(task, final) return all(task, final, is_settled) end
local function stuck(task, final)
  return all(task, final, is_idle) and not complete(task, final)
end

local function unhealthy(task)
  local n = 0
  for _, p in ipairs(task) do
    if not p.final and not p.ephemeral and failed(task, p) then n = n + 1 end
  end
  return task.max_failures > 0 and n >= task.max_failures or stuck(task, false)
end

local function finish(task, p, now, how)
  local run = running(p)
  run.ended, run.how = now, how
  if task.stage == 'active' and not p.ephemeral and failed(task, p) then task.culprit = p end
end

local function launch(task, final, now)
  local slots = task.concurrency > 0 and task.concurrency or math.huge
  for _, p in ipairs(task) do
    if running(p) then slots = slots - 1 end
  end
  for i, p in ipairs(task) do
    if p.final == final and slots > 0 and wants(task, p) and due(p) <= now then
      p.runs[#p.runs + 1] = { started = now, due = now + p.lasts }
      task.starts[#task.starts + 1] = (i - 1) .. '@' .. now
      slots = slots - 1
    end
  end
end

local function signal(task, now, hard)
  for _, p in ipairs(task) do
    if running(p) and (hard or not p.stubborn) then finish(task, p, now, 'k') end
  end
  if hard or not task.stubborn then task.orphans = false end
end

local function is_empty(task)
  if task.orphans then return false end
  for _, p in ipairs(task) do
    if running(p) then return false end
  end
  return true
end

-- The stages; each says whether it went on to the next.
local stages = {}

function stages.active(task, now)
  local bad = unhealthy(task)
  if not task.killed and not bad and not complete(task, false) then
    launch(task, false, now)
    return false
  end
  task.result = bad and 'FAILED' or 'SUCCESS'
  if not task.killed then task.deadline = now + task.finalization end
  task.stage = 'cleaning'
  return true
end

function stages.cleaning(task, now)
  if now >= task.deadline then
    task.stage = 'ending'
    return true
  end
  signal(task, now, false)
  if not is_empty(task) then return false end
  task.stage = 'finalizing'
  return true
end

function stages.finalizing(task, now)
  if now >= task.deadline or complete(task, true) or stuck(task, true) then
    task.stage = 'ending'
    return true
  end
  launch(task, true, now)
  return false
end

function stages.ending(task, now)
  signal(task, now, true)
  task.stage = 'over'
  return false
end

function stages.over() return false end

-- The next instant at which anything can happen.
local function next_time(task, now)
  local best = task.deadline or math.huge
  for _, p in ipairs(task) do
    local run = running(p)
    local at
    if run then
      at = run.due
    elseif (task.stage == 'active') ~= p.final and task.stage ~= 'cleaning' and wants(task, p) then
      at = due(p)
    end
    if at and at > now and at < best then best = at end
  end
  return best
end

local function outcome(task)
  local refused = refusal(task)
  if refused then return refused end
  local now = 1000
  task.stage, task.starts = 'active', {}
  local kill_at = task.kill_at > 0 and task.kill_at or math.huge
  while true do
    while stages[task.stage](task, now) do end
    if task.stage == 'over' then break end
    local at = next_time(task, now)
    if kill_at < at and not task.killed then
      now, task.killed = kill_at, true
      task.deadline = math.min(task.deadline or math.huge, now + task.grace)
    else
      now = at
      for _, p in ipairs(task) do
        local run = running(p)
        if run and run.due <= now then
          finish(task, p, now, p.ends:sub(math.min(#p.runs, #p.ends)):sub(1, 1))
        end
      end
    end
  end
  local culprit = '-'
  for i, p in ipairs(task) do
    if task.culprit == p then culprit = i - 1 end
  end
  local text = { task.killed and 'KILLED' or task.result, now, culprit }
  for i = 1, math.min(#task.starts, SHOWN) do text[#text + 1] = task.starts[i] end
  return table.concat(text, ' ')
end

local agree, disagree = 0, 0
local kinds = {}
for line in io.lines() do
  local task = read(line)
  local mine = outcome(task)
  local kind = mine:match '^%a+'
  kinds[kind] = (kinds[kind] or 0) + 1
  if mine == task.outcome then
    agree = agree + 1
  else
    disagree = disagree + 1
    if disagree <= 5 then
      io.write('planner: ', line, '\noracle:  ', mine, '\n')
    end
  end
end
local names = {}
for kind in pairs(kinds) do names[#names + 1] = kind end
table.sort(names)
for _, kind in ipairs(names) do io.write(kind, ' ', kinds[kind], '\n') end
io.write(('%d agree, %d disagree\n'):format(agree, disagree))
os.exit(disagree == 0 and agree > 0)
