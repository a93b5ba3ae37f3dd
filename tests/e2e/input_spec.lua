-- Bad input: each gets a clear error, the right exit or status code, and
-- changes nothing.
local cjson = require 'cjson'
local cluster = require 'support.cluster'
local run = require 'support.run'
local socket = require 'socket'

describe('bad input', function()
  local KEY = 'devcluster/www-data/test/bad'
  local c
  setup(function() c = cluster.start() end)
  teardown(function()
    assert.equal(0, #(c:must({ 'list', 'devcluster', '--json' }).jobs or {}))
    c:stop()
  end)

  local service = [[
return { Service { cluster = "devcluster", role = "www-data", environment = "test",
  name = "bad", %s
  task = Task { processes = { Process { name = "p", cmdline = "true" } }, resources = Resources {
    cpu = 1, ram = 16*MB, disk = 1*MB } } } }]]

  for name, case in pairs {
    ['an unknown field'] = { service:format 'instanses = 3,',
      { 'instanses', 'instances', 'bad.lua:2' } },
    ['a missing field'] = {
      'return { Service { cluster = "devcluster", role = "www-data", name = "bad" } }',
      { 'environment', 'task' } },
    ['a syntax error'] = { 'return { Service { name = = 3 } }', { 'bad.lua:1' } },
    ['an undefined name'] = { 'return { Servise {} }', { 'Servise', 'Service' } },
    ['an endless loop'] = { 'while true do end', { 'bad.lua:1' } },
    ['a gigabyte of string'] = { 'local s = ("x"):rep(2^30) return {}', { 'bad.lua:1' } },
    ['a pattern that backtracks'] = {
      'return ("a"):rep(40):find(("a*"):rep(20) .. "b")', { 'bad.lua:1' } },
  } do
    it('a job file with ' .. name .. ' exits 3 and says where', function()
      local file = c:file('bad.lua', case[1])
      for _, words in ipairs { { 'create', KEY, file }, { 'check', file } } do
        local result = c:cli(words)
        assert.equal(3, result.status, result.out .. result.err)
        for _, text in ipairs(case[2]) do assert.matches(text, result.err, 1, true) end
      end
      assert.equal(3, c:cli({ 'check', file, '--json' }).status)
    end)
  end

  local unknown = { cluster = 'devcluster', role = 'r', environment = 'test', name = 'n' }
  for name, case in pairs {
    ['is not JSON'] = { 'this is not JSON', 400 },
    ['is nested 10,000 deep'] = { ('{"type":'):rep(10000), 400 },
    ['has no type'] = { '{}', 400 },
    ['names an unknown job'] = {
      cjson.encode { type = 'GET_JOB', tasks = { key = unknown } }, 404 },
    ['has a job without a task'] = {
      '{"type":"CREATE_JOB","create_job":{"job":{"name":"x"}}}', 400 },
  } do
    it('an HTTP body that ' .. name .. ' is ' .. case[2], function()
      local answer = run.post(c.aurora .. '/api/v1', case[1])
      assert.equal(case[2], answer.status, answer.body)
      assert.is_string(answer.json.error.message)
      assert.is_string(answer.json.error.code)
    end)
  end

  for _, name in ipairs { 'aurora', 'master' } do
    local function connect()
      local host, port = c.info[name]:match('(.*):(%d+)')
      local s = assert(socket.connect(host, tonumber(port)))
      s:settimeout(10)
      return s
    end
    local head = 'POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'

    it('a body of 100 MB is refused by the ' .. name .. ' without being read', function()
      local s = connect()
      s:send(head .. 'Content-Length: 104857600\r\n\r\n')
      assert.matches('413', s:receive('*l'), 1, true)
      s:close()
    end)

    it('a body cut short changes nothing in the ' .. name, function()
      local s = connect()
      s:send(head .. 'Content-Length: 1000\r\n\r\n{"type":')
      s:close()
      assert.equal(200, run.get('http://' .. c.info[name] .. '/health').status)
    end)
  end
end)

describe('a daemon', function()
  local dir
  before_each(function() dir = run.temp() end)
  after_each(function() run.remove(dir) end)

  local function master(...)
    return run.run({ run.bin .. '/perigee-master', '--ip=127.0.0.1', ... }, { timeout = 10 })
  end

  it('says which port is in use', function()
    local server = assert(socket.bind('127.0.0.1', 0))
    local _, port = server:getsockname()
    local result = master('--port=' .. port, '--work_dir=' .. dir)
    server:close()
    assert.equal(1, result.status)
    assert.matches(tostring(port), result.err, 1, true)
    assert.matches('in use', result.err, 1, true)
  end)

  it('says which directory it cannot write', function()
    run.write(dir .. '/file', '')
    local result = master('--port=0', '--work_dir=' .. dir .. '/file/below')
    assert.equal(1, result.status)
    assert.matches(dir .. '/file', result.err, 1, true)
  end)

  it('refuses a wrong option with the nearest known one', function()
    local result = master('--port=0', '--work_dri=' .. dir)
    assert.equal(3, result.status)
    assert.matches('work_dir', result.err, 1, true)
  end)

  it('refuses a wrong name in its file with file and line', function()
    local file = run.write(dir .. '/master.lua', 'port = 0\nwork_dri = "x"\n')
    local result = master('--config=' .. file)
    assert.equal(3, result.status)
    assert.matches('master.lua:2', result.err, 1, true)
    assert.matches('work_dir', result.err, 1, true)
  end)

  it('refuses a damaged store and says what to do', function()
    local c = cluster.start()
    local key = 'devcluster/www-data/test/kept'
    c:must { 'create', key, c:file('kept.lua', cluster.sleeper('kept', 1)),
      '--wait-until', 'RUNNING', '--timeout', 20 }
    for _, pid in ipairs(c:pids('perigee%-aurora')) do c.kill(pid, 'TERM') end
    run.eventually(10, 'aurora gone', function() return #c:pids('perigee%-aurora') == 0 end)
    os.execute(("find %s/dev/aurora -name data.mdb -exec "):format(c.dir) ..
      'dd if=/dev/urandom of={} bs=4096 count=64 conv=notrunc status=none \\;')
    local result = c:cli { 'dev', 'start', '--dir', c.dir .. '/dev', timeout = 40 }
    assert.equal(4, result.status, result.out .. result.err)
    assert.matches('damaged', (result.err .. run.read(c.dir .. '/dev/log/aurora.log')):lower())
    c:stop()
  end)
end)
