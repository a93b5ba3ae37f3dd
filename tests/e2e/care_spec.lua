-- What an executor does for a task besides running it: health checks, and the
-- HTTP calls before its end. A real cluster, real servers.
local cluster = require 'support.cluster'
local run = require 'support.run'

describe('an executor', function()
  local c
  setup(function()
    c = cluster.start { agents = 1,
      env = { PERIGEE_CONTAINER_DISK_WATCH_INTERVAL = '300ms' } }
    c:file('server.lua', run.read(run.root .. '/tests/support/server.lua'))
  end)
  teardown(function() c:stop() end)

  -- A directory that the task's user may write to.
  local function folder(name)
    local dir = c.dir .. '/' .. name
    os.execute('mkdir -m 777 ' .. dir)
    return dir
  end

  local function serve(name, mood)
    return ('exec lua5.4 %s/server.lua {{thermos.ports[health]}} %s/%s %s'):format(c.dir, c.dir,
      name, mood or '')
  end

  local HTTP = { http = { port = 'health', endpoint = '/health', expected_response = 'ok' },
    initial_interval_ms = 0, interval_ms = 100, timeout_ms = 1000 }

  local function with(fields)
    local all = {}
    for key, value in pairs(HTTP) do all[key] = value end
    for key, value in pairs(fields) do all[key] = value end
    return all
  end

  -- Nobody listens there.
  local IDLE = ': {{thermos.ports[health]}}; exec sleep 1000'

  local function create(name, cmdline, more)
    local job = {
      cluster = 'devcluster', role = 'www-data', environment = 'test', name = name,
      service = true, port_names = { 'health' },
      task = { name = name, processes = { { name = 'main', cmdline = cmdline } },
        resources = { cpu_milli = 50, ram_bytes = 32 << 20, disk_bytes = 8 << 20 },
        finalization_wait = 2 },
    }
    for key, value in pairs(more) do job[key] = value end
    local answer = run.post(c.aurora .. '/api/v1',
      { type = 'CREATE_JOB', create_job = { job = job } })
    assert.equal(200, answer.status, answer.body)
    return 'devcluster/www-data/test/' .. name
  end

  local function state_is(key, state)
    return run.eventually(20, key .. ' ' .. state, function()
      local task = c:tasks(key)[0]
      return task and task.state == state and task
    end)
  end

  -- The newest message of the job's tasks that ended in a state.
  local function message_of(key, state)
    return run.eventually(20, 'a task that is ' .. state, function()
      local answer = c:must { 'status', key, '--json' }
      for _, task in ipairs(answer.tasks or {}) do
        if task.state == state then
          local events = task.events or {}
          return events[#events] and events[#events].message or ''
        end
      end
    end)
  end

  it('calls a task RUNNING only when it is healthy', function()
    local dir = folder('late')
    run.write(dir .. '/health', 'warming up')
    local key = create('late', serve('late'), { health_check = with {
      max_consecutive_failures = 100000 } })
    state_is(key, 'STARTING')
    run.eventually(10, 'a first check', function()
      return c:cli({ 'logs', key .. '/0' }) and c:tasks(key)[0].state == 'STARTING'
    end)
    run.write(dir .. '/health', ' OK\n')
    state_is(key, 'RUNNING')
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('restarts a service whose health goes bad, and says why', function()
    local dir = folder('flaky')
    local key = create('flaky', serve('flaky'), { health_check = with {
      max_consecutive_failures = 1 } })
    local before = state_is(key, 'RUNNING').task_id
    run.write(dir .. '/health', '500 on fire')
    local message = message_of(key, 'FAILED')
    assert.matches('^Failed health check! GET /health on port %d+: want "ok", got 500 '
      .. '"500 on fire"$', message)
    os.remove(dir .. '/health')
    run.eventually(30, 'another task', function()
      local task = c:tasks(key)[0]
      return task and task.state == 'RUNNING' and task.task_id ~= before
    end)
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('never calls a task RUNNING that is never healthy', function()
    local key = create('never', IDLE, { max_task_failures = 1, service = false,
      health_check = with {} })
    local message = message_of(key, 'FAILED')
    assert.matches('Failed health check! GET /health on port %d+: cannot connect', message)
    local answer = c:must { 'status', key, '--json' }
    for _, event in ipairs(answer.tasks[1].events) do assert.not_equal('RUNNING', event.state) end
  end)

  for answer, reason in pairs {
    drip = 'no answer: timed out',
    flood = 'answer: longer than 1048576 bytes',
    ['302'] = 'want "ok", got 302 "302"',
  } do
    it('is not kept waiting by an endpoint that answers with ' .. answer, function()
      local name = 'strange-' .. answer
      run.write(folder(name) .. '/health', answer)
      local key = create(name, serve(name), { max_task_failures = 1, service = false,
        health_check = with { max_consecutive_failures = 1, initial_interval_ms = 300 } })
      local message = message_of(key, 'FAILED')
      assert.truthy(message:find(reason, 1, true), message)
    end)
  end

  it('asks a service to quit before it is killed', function()
    local dir = folder('polite')
    local key = create('polite', serve('polite'), { health_check = with {
      initial_interval_ms = 5000 }, lifecycle = { port = 'health' } })
    state_is(key, 'RUNNING')
    c:must { 'killall', key, '--timeout', 20 }
    assert.equal('/quitquitquit\n', run.read(dir .. '/calls'))
  end)

  it('does not start again who obeyed', function()
    local dir = folder('daemon')
    local key = 'devcluster/www-data/test/daemon'
    local file = c:file('daemon.lua', ([[
return { Service { cluster = "devcluster", role = "www-data", environment = "test",
  name = "daemon", lifecycle = Lifecycle { http = { graceful_shutdown_wait_secs = 30 } },
  health_check = HealthCheck { http = { port = "health" }, initial_interval_secs = 5,
    interval_secs = 0.1 },
  task = Task { processes = { Process { name = "main", daemon = true, min_duration = 0,
      cmdline = [=[echo start >>%s/starts; %s]=] } },
    resources = Resources { cpu = 0.1, ram = 16*MB, disk = 8*MB } } } }
]]):format(dir, serve('daemon')))
    c:must { 'create', key, file, '--wait-until', 'RUNNING', '--timeout', 20 }
    c:must { 'killall', key, '--timeout', 20 }
    assert.equal('/quitquitquit\n', run.read(dir .. '/calls'))
    assert.equal('start\n', run.read(dir .. '/starts'))
  end)

  it('asks once more, sharply, whoever is deaf to the first', function()
    local dir = folder('deaf')
    local key = create('deaf', serve('deaf', 'deaf'), { health_check = with {
      initial_interval_ms = 5000 }, lifecycle = { port = 'health',
      graceful_shutdown_wait_secs = 1, shutdown_wait_secs = 1 } })
    state_is(key, 'RUNNING')
    c:must { 'killall', key, '--timeout', 20 }
    assert.equal('/quitquitquit\n/abortabortabort\n', run.read(dir .. '/calls'))
  end)

  it('checks by a command, as the role, in the sandbox', function()
    local dir = folder('shell')
    local key = create('shell', 'echo 1 >here; exec sleep 1000', { health_check = {
      shell = { shell_command = 'cat here && id -un >' .. dir .. '/who-{{mesos.instance}}' },
      interval_ms = 100 } })
    state_is(key, 'RUNNING')
    assert.equal('www-data\n', run.read(dir .. '/who-0'))
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('tells what a failed command said', function()
    local key = create('said', 'exec sleep 1000', { max_task_failures = 1, service = false,
      health_check = { shell = { shell_command = 'echo no such luck >&2; exit 7' },
        initial_interval_ms = 0, interval_ms = 100 } })
    assert.equal('Failed health check! the command exited with status 7: no such luck',
      message_of(key, 'FAILED'))
  end)

  it('ends a check that takes too long', function()
    local key = create('slow', 'exec sleep 1000', { max_task_failures = 1, service = false,
      health_check = { shell = { shell_command = 'sleep 777' }, initial_interval_ms = 0,
        interval_ms = 100, timeout_ms = 200 } })
    assert.equal('Failed health check! the command timed out after 200 ms',
      message_of(key, 'FAILED'))
    assert.same({}, c:pids('sleep 777'))
  end)

  it('leaves a snoozed task alone', function()
    local key = create('snoozed', 'touch .healthchecksnooze; ' .. IDLE, {
      health_check = with { max_consecutive_failures = 20 } })
    state_is(key, 'RUNNING')
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('checks by connecting', function()
    local key = create('tcp', serve('tcp'), { health_check = { tcp = { port = 'health' },
      initial_interval_ms = 5000, interval_ms = 100 } })
    state_is(key, 'RUNNING')
    c:must { 'killall', key, '--timeout', 20 }
  end)

  -- A service with a function of its own.
  local function with_function(name, body, cmdline)
    return c:file(name .. '.lua', ([[
local word = "well"
local function health(ctx)
  %s
end
return { Service { cluster = "devcluster", role = "www-data", environment = "test",
  name = "%s", health_check = HealthCheck { lua = health, initial_interval_secs = %d,
    interval_secs = 0.1 },
  task = Task { processes = { Process { name = "main", cmdline = [=[%s]=] } },
    resources = Resources { cpu = 0.1, ram = 16*MB, disk = 8*MB } } } }
]]):format(body, name, cmdline and 20 or 0, cmdline or 'exec sleep 1000'))
  end

  it('checks by a function of the job file', function()
    local dir = folder('lua')
    local key = 'devcluster/www-data/test/lua'
    local file = with_function('lua', ([[
  if not tcp.connect("localhost", ctx.ports.health) then return false, "nobody there" end
  local answer = http.get("http://localhost:" .. ctx.ports.health .. "/x")
  local status, said = sh("id -un; pwd")
  return answer.body == word and status == 0 and said == "www-data\n" .. ctx.sandbox .. "\n"]]),
      serve('lua'))
    run.write(dir .. '/health', 'ill')
    c:must { 'create', key, file }
    state_is(key, 'STARTING')
    run.write(dir .. '/health', 'well')
    state_is(key, 'RUNNING')
    assert.same({}, c:pids('thermos%-health'))
    c:must { 'killall', key, '--timeout', 20 }
  end)

  for name, case in pairs {
    reason = { 'return false, "no " .. word', 'no well' },
    mistake = { 'return ctx.nothing.here',
      [[mistake.lua:3: ]] },
    endless = { 'while true do end', 'endless.lua:3: ' },
    hanging = { 'sh("sleep 888")', 'the health function timed out after 1000 ms' },
  } do
    it('tells why a function is not content: ' .. name, function()
      local key = 'devcluster/www-data/test/' .. name
      c:must { 'create', key, with_function(name, case[1]) }
      local message = message_of(key, 'FAILED')
      assert.equal('Failed health check! ' .. case[2],
        message:sub(1, #'Failed health check! ' + #case[2]))
      c:must { 'killall', key, '--timeout', 20 }
      assert.same({}, c:pids('sleep 888'))
    end)
  end

  it('refuses a function whose file is too long to travel', function()
    local file = with_function('long', 'return true')
    run.write(file, run.read(file) .. '-- ' .. ('x'):rep(70000) .. '\n')
    local result = c:cli { 'create', 'devcluster/www-data/test/long', file }
    assert.not_equal(0, result.status)
    assert.matches('file of its own', result.out .. result.err, 1, true)
  end)

  it('ends a task whose sandbox holds more than it may', function()
    local key = create('hoarder', 'head -c 12m /dev/zero >big; exec sleep 1000', {
      max_task_failures = 1, service = false })
    assert.matches('^disk limit exceeded: the sandbox holds 12%.%d MB, 8%.0 MB are allowed$',
      message_of(key, 'FAILED'))
  end)

  it('does what a job file says', function()
    local dir = folder('written')
    local key = 'devcluster/www-data/test/written'
    local file = c:file('written.lua', ([[
return { Service { cluster = "devcluster", role = "www-data", environment = "test",
  name = "written",
  health_check = HealthCheck { http = { port = "health" }, initial_interval_secs = 5,
    interval_secs = 0.1 },
  lifecycle = Lifecycle { http = { graceful_shutdown_wait_secs = 1 } },
  task = Task { processes = { Process { name = "main", cmdline = [=[%s]=] } },
    resources = Resources { cpu = 0.1, ram = 16*MB, disk = 8*MB } } } }
]]):format(serve('written')))
    c:must { 'create', key, file, '--wait-until', 'RUNNING', '--timeout', 20 }
    c:must { 'killall', key, '--timeout', 20 }
    assert.equal('/quitquitquit\n', run.read(dir .. '/calls'))
  end)
end)
