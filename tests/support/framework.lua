--- A framework for tests: the Mesos v1 scheduler API on a socket of its own.

local cjson = require 'cjson'
local mime = require 'mime'
local run = require 'support.run'
local socket = require 'socket'

local M = {}
M.__index = M

M.terminal = {
  TASK_FINISHED = true, TASK_FAILED = true, TASK_KILLED = true, TASK_LOST = true,
  TASK_ERROR = true, TASK_DROPPED = true, TASK_GONE = true,
}

--- Subscribe at the master on a port; `info` overrides FrameworkInfo. `authorization` is
--- what each request shows.
function M.open(port, info, authorization)
  local all = { user = 'nobody', name = 'test', checkpoint = true, failover_timeout = 60 }
  for name, value in pairs(info or {}) do all[name] = value end
  local body = cjson.encode { type = 'SUBSCRIBE', framework_id = all.id,
    subscribe = { framework_info = all } }
  local s = assert(socket.connect('127.0.0.1', port))
  s:send(('POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' ..
    '%sContent-Length: %d\r\n\r\n%s'):format(
    authorization and 'Authorization: ' .. authorization .. '\r\n' or '', #body, body))
  local self = setmetatable({ socket = s, port = port, statuses = {}, offers = {},
    authorization = authorization }, M)
  local head = s:receive('*l')
  assert(head:find(' 200 ', 1, true), head)
  for line in function() return s:receive('*l') end do
    if line == '' then break end
    self.stream = line:match('^[Mm]esos%-[Ss]tream%-[Ii]d: (.*)') or self.stream
  end
  self.id = self:await('SUBSCRIBED').subscribed.framework_id
  return self
end

--- The next event, or nil when none came within `seconds`.
function M:next(seconds)
  self.socket:settimeout(seconds)
  local line, why = self.socket:receive('*l')
  if why == 'timeout' then return nil end
  local size = tonumber(assert(line, why), 16)
  assert(size > 0, 'the stream ended')
  self.socket:settimeout(10)
  local chunk = assert(self.socket:receive(size))
  self.socket:receive('*l')
  local event = cjson.decode((chunk:gsub('^%d+\n', '')))
  if event.type == 'OFFERS' then
    for _, offer in ipairs(event.offers.offers) do self.offers[offer.id.value] = offer end
  elseif event.type == 'RESCIND' then
    self.offers[event.rescind.offer_id.value] = nil
  end
  return event
end

--- The next event of a kind (and for which `wanted` holds), within `seconds`.
function M:await(kind, seconds, wanted)
  local deadline = socket.gettime() + (seconds or 20)
  while socket.gettime() < deadline do
    local event = self:next(deadline - socket.gettime())
    if event and event.type == kind and (not wanted or wanted(event)) then return event end
  end
  error('no ' .. kind .. ' within ' .. (seconds or 20) .. ' s', 2)
end

function M:call(kind, fields)
  local body = { type = kind, framework_id = self.id }
  for name, value in pairs(fields or {}) do body[name] = value end
  local answer = run.post('http://127.0.0.1:' .. self.port .. '/api/v1/scheduler', body,
    { ['mesos-stream-id'] = self.stream, authorization = self.authorization })
  assert(answer.status == 202, kind .. ': ' .. tostring(answer.status) .. ' ' .. answer.body)
end

--- A TaskInfo that thermos runs: processes { name =, cmdline = }..., each without a
--- min_duration of its own; `more` goes into its TaskConfig. `payload`: instead of all that.
function M.graph(id, processes, more, payload)
  for _, process in ipairs(processes) do process.min_duration = process.min_duration or 0 end
  local config = { name = id, processes = processes }
  for name, value in pairs(more or {}) do config[name] = value end
  local assigned = cjson.encode { task_id = id, instance = 0, job = {
    cluster = 'devcluster', role = 'www-data', environment = 'test', name = id, task = config } }
  local task = M.task(id, nil, { data = (mime.b64(payload or assigned)) })
  task.executor = { type = 'CUSTOM', executor_id = { value = id },
    command = { shell = false, value = run.bin .. '/thermos',
      arguments = { 'thermos', 'executor' } }, resources = M.task('x').resources }
  return task
end

--- A TaskInfo of 0.1 cpus and 32 MB; `more` goes over it.
function M.task(id, command, more)
  local task = {
    name = id, task_id = { value = id },
    command = type(command) == 'string' and { value = command } or command,
    resources = {
      { name = 'cpus', type = 'SCALAR', scalar = { value = 0.1 } },
      { name = 'mem', type = 'SCALAR', scalar = { value = 32 } },
    },
  }
  for name, value in pairs(more or {}) do task[name] = value end
  return task
end

--- How many cpus the offers at hand hold.
function M:offered()
  local cpus = 0
  for _, offer in pairs(self.offers) do
    for _, one in ipairs(offer.resources) do
      if one.name == 'cpus' then cpus = cpus + one.scalar.value end
    end
  end
  return cpus
end

--- Launch tasks (of one cpu in all) on what the only agent offers.
function M:launch(tasks)
  while self:offered() < 1 do self:await('OFFERS') end
  local ids = {}
  for _, offer in pairs(self.offers) do
    self.agent_id = offer.agent_id
    ids[#ids + 1] = offer.id
  end
  for _, task in ipairs(tasks) do task.agent_id = self.agent_id end
  self.offers = {}
  self:call('ACCEPT', { accept = {
    offer_ids = ids,
    operations = { { type = 'LAUNCH', launch = { task_infos = tasks } } },
    filters = { refuse_seconds = 0 },
  } })
end

--- The next status of a task. Every status is acknowledged as it comes; those of
--- other tasks wait for their turn.
function M:status(id, seconds)
  local mine = function() return self.statuses[id] and table.remove(self.statuses[id], 1) end
  local status = mine()
  while not status do
    local one = self:await('UPDATE', seconds).update.status
    if one.uuid then
      self:call('ACKNOWLEDGE', { acknowledge = {
        agent_id = one.agent_id, task_id = one.task_id, uuid = one.uuid } })
    end
    local list = self.statuses[one.task_id.value] or {}
    self.statuses[one.task_id.value] = list
    list[#list + 1] = one
    status = mine()
  end
  return status
end

--- Statuses until this one; that.
function M:reach(id, state, seconds)
  while true do
    local status = self:status(id, seconds)
    if status.state == state then return status end
    assert(not M.terminal[status.state],
      id .. ' is ' .. status.state .. ': ' .. tostring(status.message))
  end
end

--- Statuses until it ended; the last one.
function M:ending(id, seconds)
  while true do
    local status = self:status(id, seconds)
    if M.terminal[status.state] then return status end
  end
end

function M:kill(id, grace_ms)
  local policy = grace_ms and { grace_period = { nanoseconds = grace_ms * 1000000 } } or nil
  self:call('KILL', { kill = { task_id = { value = id }, kill_policy = policy } })
end

function M:close()
  self:call('TEARDOWN')
  self.socket:close()
end

return M
