--- Many clients over HTTP against one role, for a while: they create, scale, add,
--- update and kill at random, and an operator lowers and raises the quota. One
--- follows the events and adds up the role's tasks, cpu, ram and disk after each of
--- them, beside the quota that was in force just then; two more count what is
--- listed, and look at the sum that the quota keeps.
--- Usage: quota_fire.lua SECONDS CLIENTS
---
--- What a task takes stands in its configuration; events name that. So each client
--- chooses from configurations whose names were learned before.
---
--- The scheduler has no master: tasks wait for hosts, and count all the same.
local cjson = require 'cjson'
local run = require 'support.run'
local socket = require 'socket'

local SECONDS, CLIENTS = tonumber(arg[1]) or 60, tonumber(arg[2]) or 50
local JOBS, VARIANTS, ROLE = 25, 8, 'fire'
local MB = 1 << 20
--- About what 110 tasks of all variants take, so that each is met now and then.
local BOUND = { tasks = 120, cpu_milli = 27500, ram_bytes = 3300 * MB, disk_bytes = 290 * MB }
local AURORA = 'perigee-aurora'

math.randomseed(tonumber(os.getenv('SEED')) or 1)

local dir = run.temp()
local port = run.free_base(2)
local command = ('%s/%s --master=127.0.0.1:%d --ip=127.0.0.1 --port=%d --hostname=127.0.0.1'
  .. ' --work_dir=%s/work --cluster_name=devcluster --api_requests_per_second=1000000')
  :format(run.bin, AURORA, port + 1, port, dir)
local pipe = assert(io.popen(('%s >%s/log 2>&1 & echo $!'):format(command, dir)))
local pid = pipe:read('n')
pipe:close()

local function finish(status)
  os.execute('kill ' .. pid .. ' 2>/dev/null')
  if status ~= 0 then os.execute('tail -3 ' .. dir .. '/log') end
  run.remove(dir)
  os.exit(status)
end

local function check(ok, ...)
  if ok then return ok, ... end
  io.stderr:write(table.concat({ 'quota fire: ', tostring((...)) }), '\n')
  finish(1)
end

--- Coroutines that wait for their sockets.
local waiting_read, waiting_write = {}, {}

local function wait_for(list, s)
  list[s] = coroutine.running()
  coroutine.yield()
end

local function send(s, text)
  local at = 1
  while at <= #text do
    local last, why, part = s:send(text, at)
    if not last and why ~= 'timeout' then return nil, why end
    at = (last or part or at - 1) + 1
    if not last then wait_for(waiting_write, s) end
  end
  return true
end

local function open()
  local s = check(socket.tcp())
  check(s:connect('127.0.0.1', port))
  s:settimeout(0)
  s:setoption('tcp-nodelay', true)
  return { s = s, buffer = '' }
end

--- Read until `look(buffer)` gives something.
local function read(c, look)
  while true do
    local value, rest = look(c.buffer)
    if value then
      c.buffer = rest
      return value
    end
    local text, why, part = c.s:receive(65536)
    text = text or part
    if text and #text > 0 then
      c.buffer = c.buffer .. text
    elseif why == 'timeout' then
      wait_for(waiting_read, c.s)
    else
      return nil, why
    end
  end
end

local function response(buffer)
  local head, body = buffer:match('^(.-)\r\n\r\n()')
  if not head then return nil end
  local size = tonumber(head:lower():match('content%-length: (%d+)')) or 0
  if #buffer < body - 1 + size then return nil end
  return { status = tonumber(head:match('^HTTP/1%.1 (%d+)')),
    body = buffer:sub(body, body + size - 1) }, buffer:sub(body + size)
end

local function post(c, message)
  local body = cjson.encode(message)
  check(send(c.s, ('POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
    .. 'Content-Length: %d\r\n\r\n%s'):format(#body, body)))
  return check(read(c, response))
end

--- What the clients do.
local function key(n)
  return { cluster = 'devcluster', role = ROLE, environment = 'prod', name = 'job-' .. n }
end

local function job(n, variant)
  local v = variant or math.random(VARIANTS)
  local all = key(n)
  all.service, all.production, all.tier = true, true, 'preferred'
  all.instances = math.random(12)
  all.update = { watch_secs = 0, batch_size = 1 + v % 4,
    strategy = v % 3 == 1 and 'SURGE' or 'QUEUE' }
  all.task = { name = all.name, processes = { { name = 'p', cmdline = 'sleep ' .. v } },
    resources = { cpu_milli = 100 * (1 + v % 4), ram_bytes = 16 * MB * (1 + v % 3),
      disk_bytes = MB * (1 + v % 5) } }
  return all
end

--- What one task of a configuration takes, by the configuration's name.
local takes = {}

local function learn()
  local c = open()
  for n = 1, JOBS do
    for v = 1, VARIANTS do
      local one = job(n, v)
      one.instances = 1
      local answer = post(c, { type = 'CREATE_JOB', create_job = { job = one } })
      check(answer.status == 200, answer.body)
      local resources = one.task.resources
      resources.tasks = 1
      takes[cjson.decode(answer.body).jobs[1].config_id] = resources
      answer = post(c, { type = 'KILL_JOB', target = { key = key(n) } })
      check(answer.status == 200, answer.body)
    end
  end
  c.s:close()
end

local function add(sum, config_id, sign)
  local one = check(takes[config_id], 'a configuration that nobody asked for: '
    .. tostring(config_id))
  for name in pairs(BOUND) do sum[name] = (sum[name] or 0) + sign * one[name] end
end

local function check_sum(sum, bound, where)
  for name in pairs(BOUND) do
    check((sum[name] or 0) <= bound[name],
      ('%s: %d, more than %d, %s'):format(name, sum[name] or 0, bound[name], where))
  end
end

local VERBS = {
  function(n) return { type = 'CREATE_JOB', create_job = { job = job(n) } } end,
  function(n) return { type = 'START_UPDATE', create_job = { job = job(n) } } end,
  function(n)
    return { type = 'SCALE_JOB', scale = { key = key(n), instances = math.random(20) } }
  end,
  function(n)
    return { type = 'ADD_INSTANCES', scale = { key = key(n), instances = math.random(5) } }
  end,
  function(n) return { type = 'ABORT_UPDATE', update = { key = key(n) } } end,
  function(n) return { type = 'KILL_JOB', target = { key = key(n) } } end,
}

local took, answers, refused = {}, {}, 0

local function client(until_time)
  local c = open()
  while socket.gettime() < until_time do
    local began = socket.gettime()
    local answer = post(c, VERBS[math.random(#VERBS)](math.random(JOBS)))
    took[#took + 1] = socket.gettime() - began
    answers[answer.status] = (answers[answer.status] or 0) + 1
    if answer.body:find('"code":"QUOTA"', 1, true) then refused = refused + 1 end
    check(answer.status < 500 and answer.status ~= 400, answer.body)
  end
  c.s:close()
end

--- The operator. What is in use already is never undercut.
local quotas = { set = 0, refused = 0 }

local function set_quota(c, milli)
  local most = {}
  for name, value in pairs(BOUND) do most[name] = value * milli // 1000 end
  return post(c, { type = 'SET_QUOTA',
    set_quota = { quotas = { { role = ROLE, production = most } } } })
end

local function operate(until_time)
  local c = open()
  while socket.gettime() < until_time do
    local answer = set_quota(c, math.random(2) == 1 and 1000 or math.random(500, 1000))
    check(answer.status == 200 or answer.status == 409, answer.body)
    local count = answer.status == 200 and 'set' or 'refused'
    quotas[count] = quotas[count] + 1
    for _ = 1, 5 do post(c, { type = 'LIST_QUOTAS', quotas = { role = ROLE } }) end
  end
  c.s:close()
end

--- What there is, as the scheduler lists it: each answer is one instant of it.
local ACTIVE = { 'THROTTLED', 'PENDING', 'ASSIGNED', 'STARTING', 'RUNNING', 'PREEMPTING',
  'RESTARTING', 'DRAINING', 'KILLING', 'PARTITIONED' }
local most, looks = 0, 0

local function numbers(amounts)
  local out = {}
  for name in pairs(BOUND) do out[name] = tonumber(amounts and amounts[name]) or 0 end
  return out
end

local function watch(until_time)
  local c = open()
  while socket.gettime() < until_time do
    local answer = post(c, { type = 'LIST_TASKS',
      find_tasks = { role = ROLE, states = ACTIVE, limit = 2000 } })
    check(answer.status == 200, answer.body)
    local sum = {}
    for _, task in ipairs(cjson.decode(answer.body).tasks or {}) do add(sum, task.config_id, 1) end
    check_sum(sum, BOUND, 'as listed')
    most, looks = math.max(most, sum.tasks or 0), looks + 1
    answer = post(c, { type = 'LIST_QUOTAS', quotas = { role = ROLE } })
    local view = cjson.decode(answer.body).quotas[1]
    check_sum(numbers(view.production), numbers(view.quota.production), 'as the quota says')
  end
  c.s:close()
end

--- The role's tasks from its events alone, from before the first one on: they are
--- added up after every event, so every instant is looked at. That a quota changes
--- is an event as well.
local is_active = {}
for _, state in ipairs(ACTIVE) do is_active[state] = true end
is_active.INIT = true
local counted = { tasks = {}, sum = { tasks = 0 }, most = {}, events = 0, bound = BOUND }

--- A task may take another configuration that runs the same.
local function count_task(task)
  local was = counted.tasks[task.task_id]
  local is = is_active[task.state or task.history[#task.history].state] and task.config_id or nil
  counted.tasks[task.task_id] = is
  if was then add(counted.sum, was, -1) end
  if is then add(counted.sum, is, 1) end
end

local function count_event(event)
  check(event.type ~= 'ERROR', 'the event stream ended: ' .. cjson.encode(event))
  counted.is_on = counted.is_on or event.type == 'SUBSCRIBED'
  if event.type == 'QUOTA_CHANGED' and event.quota.role == ROLE then
    counted.bound = numbers(event.quota.production)
  elseif event.type == 'TASK_CHANGED' then
    count_task(event.task)
  else
    return
  end
  counted.events = counted.events + 1
  for name in pairs(BOUND) do
    counted.most[name] = math.max(counted.most[name] or 0, counted.sum[name] or 0)
  end
  check_sum(counted.sum, counted.bound, 'by the events, at ' .. event.sequence)
end

local function head(buffer)
  local text, rest = buffer:match('^(.-)\r\n\r\n()')
  if text then return text, buffer:sub(rest) end
end

--- One record of RecordIO, which is one chunk.
local function record(buffer)
  local size, from = buffer:match('^(%x+)\r\n()')
  if not size or #buffer < from + tonumber(size, 16) + 1 then return nil end
  local to = from + tonumber(size, 16)
  return buffer:sub(from, to - 1):match('^%d+\n(.*)$'), buffer:sub(to + 2)
end

local function follow()
  local c = open()
  local body = cjson.encode { type = 'SUBSCRIBE' } -- of one role: no quotas
  check(send(c.s, ('POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
    .. 'Accept: application/json\r\nContent-Length: %d\r\n\r\n%s'):format(#body, body)))
  check(check(read(c, head)):find('^HTTP/1.1 200'), 'no event stream')
  while true do count_event(cjson.decode(check(read(c, record)))) end
end

local function resume(co)
  local ok, why = coroutine.resume(co)
  check(ok, why)
end

local function turn(deadline)
  local readers, writers = {}, {}
  for s in pairs(waiting_read) do readers[#readers + 1] = s end
  for s in pairs(waiting_write) do writers[#writers + 1] = s end
  local r, w = socket.select(readers, writers,
    math.max(0, math.min(0.1, deadline - socket.gettime())))
  for _, s in ipairs(r) do
    local co = waiting_read[s]
    waiting_read[s] = nil
    resume(co)
  end
  for _, s in ipairs(w) do
    local co = waiting_write[s]
    waiting_write[s] = nil
    resume(co)
  end
end

--- fdatasync on the disk of the store, 20 times a second while the clients ask; its
--- p99 in seconds, when it is over.
local function begin_fdatasync()
  return io.popen(([[perl -MTime::HiRes=time,sleep -e '
    open(F, ">", "%s/sync") or die; my @t; my $end = time + %d;
    while (time < $end) {
      syswrite(F, "x" x 4096); my $a = time; syscall(75, fileno(F)); push @t, time - $a;
      sleep 0.05
    }
    @t = sort { $a <=> $b } @t; print $t[int($#t * 0.99)]']]):format(dir, SECONDS))
end

local function quantile(list, q)
  return list[math.max(1, math.ceil(#list * q))]
end

run.eventually(20, 'the scheduler answers', function()
  return run.get(('http://127.0.0.1:%d/health'):format(port)).status == 200
end)
--- Run one to its end.
local function alone(f, ...)
  local co = coroutine.create(f)
  local ok, why = coroutine.resume(co, ...)
  check(ok, why)
  while coroutine.status(co) ~= 'dead' do turn(socket.gettime() + 1) end
end

alone(function() check(set_quota(open(), 1000).status == 200, 'the quota is not taken') end)
alone(learn)
resume(coroutine.create(follow))
while not counted.is_on do turn(socket.gettime() + 1) end
local syncs = begin_fdatasync()
local deadline = socket.gettime() + SECONDS
for _, other in ipairs { watch, watch, operate } do
  local ok, why = coroutine.resume(coroutine.create(other), deadline)
  check(ok, why)
end
local clients = {}
for i = 1, CLIENTS do
  clients[i] = coroutine.create(client)
  local ok, why = coroutine.resume(clients[i], deadline)
  check(ok, why)
end
while socket.gettime() < deadline + 2 do turn(deadline + 2) end
local sync = tonumber(syncs:read('a'))
syncs:close()

-- What the events came to is what there is.
local last = cjson.decode(run.post(('http://127.0.0.1:%d/api/v1'):format(port),
  { type = 'LIST_TASKS', find_tasks = { role = ROLE, states = ACTIVE, limit = 2000 } }).body)
local sum = {}
for _, task in ipairs(last.tasks or {}) do add(sum, task.config_id, 1) end
for name in pairs(BOUND) do
  check((sum[name] or 0) == (counted.sum[name] or 0), ('%s: %d as listed, %d by the events')
    :format(name, sum[name] or 0, counted.sum[name] or 0))
  check(counted.most[name] > BOUND[name] * 0.7,
    ('of %s there were never more than %d of %d'):format(name, counted.most[name], BOUND[name]))
end
table.sort(took)
check(refused > 0, 'nothing was refused for its quota')
check(most > BOUND.tasks * 0.6, 'the quota was never nearly full: ' .. most)
check(quotas.set > 0 and quotas.refused > 0, 'no quota was changed, or none was refused')
local p999 = quantile(took, 0.999)
print(('%d requests of %d clients in %d s, %d refused for the quota; '
  .. '%d looks; the quota was changed %d times, not %d times, for what was in use')
  :format(#took, CLIENTS, SECONDS, refused, looks, quotas.set, quotas.refused))
local list = {}
for name, bound in pairs(BOUND) do
  list[#list + 1] = ('%d of %d %s'):format(counted.most[name], bound, name)
end
table.sort(list)
print(('%d events, at most %s after any of them'):format(counted.events,
  table.concat(list, ', ')))
print(('request p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms; fdatasync p99 %.2f ms; ratio %.1f'):format(
  quantile(took, 0.5) * 1000, quantile(took, 0.99) * 1000, p999 * 1000, (sync or 0) * 1000,
  sync and p999 / sync or 0))
finish(0)
