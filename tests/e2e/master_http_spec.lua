-- perigee-master as a program: its API over real sockets, bad input, bad
-- configuration, kill -9.
local mesos = require 'support.mesos'
local Pair = require 'support.pair'
local run = require 'support.run'
local socket = require 'socket'

--- A master in its own directory.
local Master = {}
Master.__index = Master

function Master.start(dir, port)
  local self = { dir = dir or run.temp(), port = port or Pair.free_port() }
  setmetatable(self, Master)
  self.url = 'http://127.0.0.1:' .. self.port
  local pipe = io.popen(('%s/perigee-master --port=%d --work_dir=%s/master 2>>%s/log & echo $!')
    :format(run.bin, self.port, self.dir, self.dir))
  self.pid = tonumber(pipe:read('l'))
  run.eventually(10, 'master ready', function()
    return run.get(self.url .. '/health').status == 200
  end)
  return self
end

function Master:kill(signal)
  os.execute('kill -' .. signal .. ' ' .. self.pid)
  run.eventually(10, 'master gone', function()
    return not os.execute('kill -0 ' .. self.pid .. ' 2>/dev/null')
  end)
end

function Master:stop()
  self:kill('TERM')
  run.remove(self.dir)
end

local function subscribe(master, info)
  local all = { name = 'e2e', failover_timeout = 60 }
  for name, value in pairs(info or {}) do all[name] = value end
  local stream = mesos.subscribe(master.port, all)
  assert.equal(200, stream.status)
  stream.framework = stream:event().subscribed.framework_id
  return stream
end

describe('perigee-master', function()
  local m
  before_each(function() m = Master.start() end)
  after_each(function() m:stop() end)

  it('streams one record per chunk and ends at teardown', function()
    local stream = subscribe(m)
    assert.equal(36, #stream.id)
    local answer = run.post(m.url .. '/api/v1/scheduler',
      { type = 'TEARDOWN', framework_id = stream.framework }, { ['mesos-stream-id'] = stream.id })
    assert.equal(202, answer.status)
    assert.equal('', answer.body)
    assert.is_nil(stream:event())
  end)

  it('knows a framework again after kill -9', function()
    local stream = subscribe(m)
    m:kill('KILL')
    m = Master.start(m.dir, m.port)
    local again = subscribe(m, { id = stream.framework })
    assert.equal(stream.framework.value, again.framework.value)
    local frameworks = run.post(m.url .. '/api/v1', { type = 'GET_FRAMEWORKS' }).json.get_frameworks
    assert.equal(1, #frameworks.frameworks)
    assert.is_true(frameworks.frameworks[1].connected)
  end)

  it('gives up a framework whose connection broke and has no failover timeout', function()
    local stream = subscribe(m, { failover_timeout = 0 })
    stream:close()
    run.eventually(5, 'framework completed', function()
      local answer = run.post(m.url .. '/api/v1', { type = 'GET_FRAMEWORKS' }).json.get_frameworks
      return #answer.completed_frameworks == 1
    end)
  end)

  for name, case in pairs {
    ['is not JSON'] = { 'this is not JSON', 400, 'Failed to parse body into JSON' },
    ['is nested 10,000 deep'] = { ('{"subscribe":'):rep(10000), 400, 'Failed to' },
    ['has arrays nested 10,000 deep'] = { ('['):rep(10000), 400, 'Failed to' },
    ['is empty'] = { '', 400, 'Failed to parse body into JSON' },
    ['lacks a required field'] = {
      '{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u"}}}', 400,
      'Missing required fields: subscribe.framework_info.name' },
  } do
    it('a body that ' .. name .. ' is ' .. case[2] .. ' and changes nothing', function()
      local answer = run.post(m.url .. '/api/v1/scheduler', case[1])
      assert.equal(case[2], answer.status, answer.body)
      assert.matches(case[3], answer.body, 1, true)
      assert.equal(200, run.get(m.url .. '/health').status)
    end)
  end

  it('a body of 100 MB is 413', function()
    local s = assert(socket.connect('127.0.0.1', m.port))
    s:settimeout(10)
    s:send('POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' ..
      'Content-Length: 104857600\r\n\r\n')
    s:send(('x'):rep(65536))
    assert.matches('413', s:receive('*l'))
    s:close()
    assert.equal(200, run.get(m.url .. '/health').status)
  end)

  it('a body cut short changes nothing', function()
    local body = '{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"cut"}}}'
    local s = assert(socket.connect('127.0.0.1', m.port))
    s:send(('POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n' ..
      'Content-Length: %d\r\n\r\n%s'):format(#body + 10, body))
    s:close()
    local answer = run.post(m.url .. '/api/v1', { type = 'GET_FRAMEWORKS' }).json.get_frameworks
    assert.equal(0, #answer.frameworks + #answer.completed_frameworks)
  end)

  it('serves metrics that promtool accepts', function()
    local text = run.get(m.url .. '/metrics').body
    assert.matches('master_agents_connected 0', text, 1, true)
    if os.execute('command -v promtool >/dev/null') then
      local result = run.run({ 'promtool', 'check', 'metrics' }, { stdin = text })
      assert.equal(0, result.status, result.out .. result.err)
    end
    assert.equal(1, run.get(m.url .. '/metrics/snapshot').json['master/elected'])
  end)
end)

describe('perigee-master refuses to start', function()
  local function start(...)
    return run.run({ run.bin .. '/perigee-master', ... }, { timeout = 10 })
  end

  it('without a folder for its store', function()
    local result = start('--port=0')
    assert.equal(3, result.status)
    assert.matches('work_dir', result.err, 1, true)
  end)

  it('with an option it does not know, and names the nearest', function()
    local result = start('--work_dir=/tmp/x', '--heartbeat_intervall=1')
    assert.equal(3, result.status)
    assert.matches('heartbeat_interval', result.err, 1, true)
  end)

  it('with a minimum it cannot read', function()
    local result = start('--work_dir=/tmp/x', '--min_allocatable_resources=cpus:lots')
    assert.equal(3, result.status)
    assert.matches('min_allocatable_resources', result.err, 1, true)
  end)

  it('when its port is in use', function()
    local dir = run.temp()
    local listener = assert(socket.bind('127.0.0.1', 0))
    local _, port = listener:getsockname()
    local result = start('--work_dir=' .. dir, '--port=' .. port)
    assert.equal(1, result.status)
    assert.matches('127.0.0.1:' .. port, result.err, 1, true)
    listener:close()
    run.remove(dir)
  end)

  it('when its folder cannot be written', function()
    local result = start('--work_dir=/proc/nowhere/master', '--port=0')
    assert.equal(1, result.status)
    assert.matches('/proc/nowhere', result.err, 1, true)
  end)

  it('when another master holds its store', function()
    local m = Master.start()
    local result = start('--work_dir=' .. m.dir .. '/master', '--port=0')
    assert.equal(1, result.status)
    assert.matches('store', result.err, 1, true)
    m:stop()
  end)

  it('when its store is damaged', function()
    local m = Master.start()
    for _ = 1, 3 do subscribe(m):close() end
    m:kill('KILL')
    local pipe = io.popen('ls -d ' .. m.dir .. '/master/log/*')
    local path = pipe:read('l')
    pipe:close()
    local log = run.read(path)
    local at = assert(log:find('e2e', 1, true)) -- in the first of three records
    run.write(path, log:sub(1, at - 1) .. 'E2E' .. log:sub(at + 3))
    local result = start('--work_dir=' .. m.dir .. '/master', '--port=0')
    assert.equal(1, result.status, result.err)
    assert.matches('damaged', result.err, 1, true)
    run.remove(m.dir)
  end)
end)
