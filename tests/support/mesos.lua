--- Talking to a Mesos API byte by byte: requests as they stand on the wire,
--- streams record by record, and answers compared field by field.

local cjson = require 'cjson'
local socket = require 'socket'

local M = {}

--- Stands in an expectation for a value that is there, whatever it is.
M.any = setmetatable({}, { __tostring = function() return 'any' end })

local function head(s)
  local line, why = s:receive('*l')
  if not line then return nil, why end
  local answer = { status = tonumber(line:match('^HTTP/1%.[01] (%d+)')),
    reason = line:match('^%S+ %d+ (.*)'), headers = {} }
  for header in function() return s:receive('*l') end do
    if header == '' then break end
    local name, value = header:match('^([^:]+): ?(.*)')
    answer.headers[name:lower()] = value
  end
  return answer
end

local function connect(port)
  local s = assert(socket.connect('127.0.0.1', port))
  s:settimeout(10)
  return s
end

--- Send bytes; the answer: { status, reason, headers, body }, with `watch` also
--- is_closed: the server closed the connection behind it. Nil when it closed
--- without a word.
function M.raw(port, bytes, method, watch)
  local s = connect(port)
  assert(s:send(bytes))
  local answer = head(s)
  if not answer then
    s:close()
    return nil
  end
  local length = tonumber(answer.headers['content-length'] or 0)
  answer.body = method == 'HEAD' and '' or (length > 0 and assert(s:receive(length)) or '')
  if watch then
    s:settimeout(0.05)
    local _, why = s:receive(1)
    answer.is_closed = why == 'closed'
  end
  s:close()
  return answer
end

--- The bytes of a request. body: text, a table (sent as JSON), or nil.
--- headers: over Content-Type and Accept of application/json; false leaves one out.
function M.bytes(method, path, body, headers)
  local all = { ['Content-Type'] = body and 'application/json' or nil,
    Accept = 'application/json' }
  for name, value in pairs(headers or {}) do all[name] = value end
  if type(body) == 'table' then body = cjson.encode(body) end
  local lines = { ('%s %s HTTP/1.1'):format(method, path), 'Host: x' }
  for name, value in pairs(all) do
    if value then lines[#lines + 1] = name .. ': ' .. value end
  end
  if body then lines[#lines + 1] = 'Content-Length: ' .. #body end
  return table.concat(lines, '\r\n') .. '\r\n\r\n' .. (body or '')
end

function M.send(port, method, path, body, headers)
  return M.raw(port, M.bytes(method, path, body, headers), method)
end

--- --- streams ---

local Stream = {}
Stream.__index = Stream

--- A call whose answer is a stream; its head is read. `path` as in bytes.
function M.stream(port, path, body, headers)
  local s = connect(port)
  assert(s:send(M.bytes('POST', path, body, headers)))
  local self = setmetatable(assert(head(s)), Stream)
  self.socket = s
  self.id = self.headers['mesos-stream-id']
  return self
end

--- SUBSCRIBE with a FrameworkInfo; `id` goes into both places.
function M.subscribe(port, info, more)
  local all = { user = 'root', name = 'rec' }
  for name, value in pairs(info or {}) do all[name] = value end
  local subscribe = { framework_info = all }
  for name, value in pairs(more or {}) do subscribe[name] = value end
  return M.stream(port, '/api/v1/scheduler',
    { type = 'SUBSCRIBE', framework_id = all.id, subscribe = subscribe })
end

--- The next record, heartbeats too; nil at the last chunk. Every chunk must hold
--- exactly one record.
function Stream:record()
  local size = tonumber(assert(self.socket:receive('*l')), 16)
  local chunk = size > 0 and assert(self.socket:receive(size)) or nil
  self.socket:receive('*l')
  if not chunk then return nil end
  local length, text = chunk:match('^(%d+)\n(.*)$')
  assert(tonumber(length) == #text, 'a chunk holds exactly one record')
  self.text = text
  return self.is_protobuf and text or cjson.decode(text)
end

--- The next event that is no heartbeat and not of the kind `but`.
function Stream:event(but)
  local event
  repeat event = self:record()
  until not event or (event.type ~= 'HEARTBEAT' and event.type ~= but)
  return event
end

function Stream:close()
  self.socket:close()
end

--- --- comparing ---

local function shown(value)
  if value == M.any then return 'anything' end
  return type(value) == 'table' and cjson.encode(value) or ('%q'):format(value)
end

local function by_name(a, b) return a.name < b.name end

--- Error unless `got` is `want`: the same fields and no other, M.any anything,
--- a function a check. Lists of resources are compared without their order.
function M.same(want, got, path)
  path = path or 'it'
  if want == M.any then
    if got == nil then error(path .. ' is missing', 0) end
    return
  elseif type(want) == 'function' then
    if not want(got) then error(path .. ' is ' .. shown(got), 0) end
    return
  elseif type(want) ~= 'table' or type(got) ~= 'table' then
    if want ~= got then
      error(('%s: want %s, got %s'):format(path, shown(want), shown(got)), 0)
    end
    return
  end
  if #want > 0 and type(want[1]) == 'table' and want[1].name and #want == #got then
    table.sort(want, by_name)
    table.sort(got, by_name)
  end
  for key, value in pairs(want) do
    if got[key] == nil then
      error(('%s.%s is missing, want %s'):format(path, key, shown(value)), 0)
    end
    M.same(value, got[key], path .. '.' .. key)
  end
  for key, value in pairs(got) do
    if want[key] == nil then error(('%s.%s is extra: %s'):format(path, key, shown(value)), 0) end
  end
end

--- A task's status as the master makes it: no uuid, no executor.
function M.from_master(task, state, reason, message, agent)
  return { task_id = { value = task }, state = state, message = message,
    source = 'SOURCE_MASTER', reason = reason, timestamp = M.any,
    agent_id = agent and { value = agent } or nil }
end

--- What stands in the container_status of a command executor's task.
function M.container_status()
  return { container_id = { value = M.any }, executor_pid = M.any,
    network_infos = { { ip_addresses = { { protocol = 'IPv4', ip_address = '127.0.0.1' } } } } }
end

--- A status as an executor sends it, behind the agent.
function M.from_executor(task, state, message, agent)
  return { task_id = { value = task }, state = state, message = message,
    source = 'SOURCE_EXECUTOR', agent_id = { value = agent }, executor_id = { value = task },
    timestamp = M.any, uuid = M.any, container_status = M.container_status() }
end

return M
