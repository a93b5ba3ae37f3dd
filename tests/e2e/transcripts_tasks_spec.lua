-- The lives of command tasks, against what a real Mesos 1.12 told. The recordings
-- were made with its old and with its HTTP command executor; both say the same.
local framework = require 'support.framework'
local mesos = require 'support.mesos'
local Pair = require 'support.pair'
local socket = require 'socket'

local any, same = mesos.any, mesos.same
local task = framework.task
local CAPABLE = { roles = { 'dev' }, capabilities = { { type = 'MULTI_ROLE' },
  { type = 'TASK_KILLING_STATE' }, { type = 'PARTITION_AWARE' } } }
local DEAF = "trap '' TERM; echo up; sleep 100 & wait; sleep 100"
local p, f

--- The next statuses of a task are these: { state, message } each.
local function lives(id, ...)
  for _, step in ipairs { ... } do
    same(mesos.from_executor(id, step[1], step[2], f.agent_id.value), f:status(id))
  end
end

local STARTING, RUNNING = { 'TASK_STARTING' }, { 'TASK_RUNNING' }

--- A status that the agent makes: no container_status.
local function from_agent(id, reason, message)
  return { task_id = { value = id }, state = 'TASK_FAILED', source = 'SOURCE_AGENT',
    reason = reason, message = message, agent_id = f.agent_id, executor_id = { value = id },
    timestamp = any, uuid = any }
end

describe('as recorded from Mesos,', function()
  setup(function()
    p = Pair.start('--hostname=localhost', { master = '--allocation_interval=100ms' })
  end)
  teardown(function() p:stop() end)
  after_each(function()
    if f then f:close() end
    f, p.fw = nil, nil
  end)

  for _, kind in ipairs { { 'plain' }, { 'capable', CAPABLE } } do
    it('a task of a ' .. kind[1] .. ' framework starts, runs and ends', function()
      f = p:framework(kind[2])
      f:launch { task('fine', 'true'), task('bad', 'exit 3'), task('segv', 'kill -SEGV $$'),
        task('none', { shell = false, value = '/no/such/binary' }) }
      lives('fine', STARTING, RUNNING, { 'TASK_FINISHED', 'Command exited with status 0' })
      lives('bad', STARTING, RUNNING, { 'TASK_FAILED', 'Command exited with status 3' })
      lives('segv', STARTING, RUNNING,
        { 'TASK_FAILED', 'Command terminated with signal Segmentation fault' })
      lives('none', STARTING, RUNNING, { 'TASK_FAILED', 'Command exited with status 1' })
    end)
  end

  it('arguments, environment, labels, discovery and data change nothing of that', function()
    f = p:framework(CAPABLE)
    f:launch { task('argv', { shell = false, value = '/bin/sh',
      arguments = { 'sh', '-c', 'echo "$A $0 $1"', 'zero', 'one' },
      environment = { variables = { { name = 'A', value = 'b' } } } }, {
        labels = { labels = { { key = 'k', value = 'v' }, { key = 'novalue' } } }, data = 'AA==',
        discovery = { visibility = 'CLUSTER', name = 'd', ports = { ports = {
          { number = 31000, name = 'p', protocol = 'tcp' } } } } }) }
    lives('argv', STARTING, RUNNING, { 'TASK_FINISHED', 'Command exited with status 0' })
    assert.equal('b zero one\n', p:read('argv', 'stdout'))
    local shown
    for _, one in ipairs(p:ask('GET_TASKS').completed_tasks) do
      if one.name == 'argv' then shown = one end
    end
    same({ labels = { { key = 'k', value = 'v' }, { key = 'novalue' } } }, shown.labels)
    same({ visibility = 'CLUSTER', name = 'd', ports = { ports = {
      { number = 31000, name = 'p', protocol = 'tcp' } } } }, shown.discovery)
  end)

  it('a failed fetch is the agent\'s to tell', function()
    f = p:framework()
    f:launch { task('t', { value = 'true', uris = { { value = 'file:///no/such/file' } } }) }
    same(from_agent('t', 'REASON_CONTAINER_LAUNCH_FAILED', function(text)
      return text:find("^Failed to launch container: Failed to fetch all URIs for container " ..
        "'%x+%-%x+%-%x+%-%x+%-%x+': exited with status 1")
    end), f:status('t'))
  end)

  it('a command without a value fails and says why', function()
    f = p:framework()
    f:launch { task('t', { shell = true }) }
    lives('t', STARTING, { 'TASK_FAILED', 'command: want a value' })
  end)

  it('a killed task is TASK_KILLED, TASK_KILLING only where it is understood', function()
    f = p:framework()
    f:launch { task('t', 'exec sleep 100') }
    lives('t', STARTING, RUNNING)
    f:kill('t')
    lives('t', { 'TASK_KILLED', 'Command terminated with signal Terminated' })
    f:close()
    f = p:framework(CAPABLE)
    f:launch { task('t', 'exec sleep 100'),
      task('zero', "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done") }
    lives('t', STARTING, RUNNING)
    f:kill('t')
    lives('t', { 'TASK_KILLING' }, { 'TASK_KILLED', 'Command terminated with signal Terminated' })
    lives('zero', STARTING, RUNNING)
    require('support.run').eventually(10, 'trap set', function()
      return p:read('zero', 'stdout') == 'up\n'
    end)
    f:kill('zero')
    lives('zero', { 'TASK_KILLING' }, { 'TASK_KILLED', 'Command exited with status 0' })
  end)

  it('a deaf task gets SIGKILL after 3 s, or after the grace of the call', function()
    f = p:framework(CAPABLE)
    f:launch { task('three', DEAF), task('call', DEAF) }
    lives('three', STARTING, RUNNING)
    lives('call', STARTING, RUNNING)
    require('support.run').eventually(10, 'traps set', function()
      return p:read('three', 'stdout') == 'up\n' and p:read('call', 'stdout') == 'up\n'
    end)
    local begun = socket.gettime()
    f:kill('three')
    -- Mesos' old command executor never saw this; a limit not worth copying.
    f:kill('call', 500)
    lives('call', { 'TASK_KILLING' }, { 'TASK_KILLED', 'Command terminated with signal Killed' })
    assert.truthy(socket.gettime() - begun >= 0.5)
    lives('three', { 'TASK_KILLING' }, { 'TASK_KILLED', 'Command terminated with signal Killed' })
    local took = socket.gettime() - begun
    assert.truthy(took >= 3 and took < 6, took)
  end)

  it('max_completion_time ends a task', function()
    f = p:framework()
    f:launch { task('t', 'exec sleep 100',
      { max_completion_time = { nanoseconds = 500000000 } }) }
    lives('t', STARTING, RUNNING)
    local want = mesos.from_executor('t', 'TASK_FAILED',
      'Command terminated with signal Terminated', f.agent_id.value)
    want.reason = 'REASON_MAX_COMPLETION_TIME_REACHED'
    same(want, f:status('t'))
  end)

  --- A plain health check of half a second.
  local function check(more)
    local one = { delay_seconds = 0, interval_seconds = 0.5, timeout_seconds = 2 }
    for key, value in pairs(more) do one[key] = value end
    return { health_check = one }
  end

  --- RUNNING once more, because of its health.
  local function health(id, healthy)
    local want = mesos.from_executor(id, 'TASK_RUNNING', nil, f.agent_id.value)
    want.reason, want.healthy = 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED', healthy
    return want
  end

  it('an unhealthy task is killed', function()
    f = p:framework()
    f:launch { task('t1', 'sleep 100', check { type = 'COMMAND', command = { value = 'false' },
      consecutive_failures = 2, grace_period_seconds = 0 }) }
    lives('t1', STARTING, RUNNING)
    same(health('t1', false), f:status('t1'))
    same(health('t1', false), f:status('t1'))
    local want = mesos.from_executor('t1', 'TASK_KILLED',
      'Command terminated with signal Terminated', f.agent_id.value)
    want.healthy = false
    same(want, f:status('t1'))
  end)

  it('a healthy task says so', function()
    f = p:framework()
    -- Port 1 is nobody's: a check that is told in vain, and grace that hides another.
    f:launch { task('t1', 'sleep 100', check { type = 'COMMAND', command = { value = 'true' } }),
      task('http', 'sleep 100', check { type = 'HTTP', http = { port = p.agent_port,
        path = '/state' } }),
      task('error', 'sleep 100', check { type = 'HTTP', http = { port = p.agent_port,
        path = '/no/such/thing' }, grace_period_seconds = 0 }),
      task('tcp', 'sleep 100', check { type = 'TCP', tcp = { port = p.agent_port } }),
      task('nobody', 'sleep 100', check { type = 'TCP', tcp = { port = 1 },
        grace_period_seconds = 0 }),
      task('argv', 'sleep 100', check { type = 'COMMAND', command = { shell = false,
        value = 'test', arguments = { 'test', '-n', 'x' } } }),
      task('late', 'sleep 100', check { type = 'COMMAND', timeout_seconds = 0.2,
        command = { value = 'sleep 50' }, grace_period_seconds = 0 }),
      task('grace', 'sleep 100', check { type = 'COMMAND', command = {
        value = 'test -e ok || ! touch ok' }, consecutive_failures = 1 }) }
    local is = { t1 = true, http = true, tcp = true, argv = true, grace = true }
    for _, id in ipairs { 't1', 'http', 'error', 'tcp', 'nobody', 'argv', 'late', 'grace' } do
      lives(id, STARTING, RUNNING)
      same(health(id, is[id] or false), f:status(id))
    end
  end)

  it('what we do not check we do not run', function()
    f = p:framework(CAPABLE)
    local why = 'Failed to launch container: this agent does not support '
    f:launch { task('https', 'true', check { type = 'HTTP', http = { port = 443,
      scheme = 'https' } }), task('six', 'true', check { type = 'TCP', tcp = { port = 1,
      protocol = 'IPv6' } }), task('check', 'true', { check = { type = 'COMMAND',
      command = { command = { value = 'true' } } } }) }
    same(from_agent('https', 'REASON_CONTAINER_LAUNCH_FAILED', why ..
      'health checks of command tasks over HTTPS'), f:status('https'))
    same(from_agent('six', 'REASON_CONTAINER_LAUNCH_FAILED', why ..
      'health checks of command tasks over IPv6'), f:status('six'))
    same(from_agent('check', 'REASON_CONTAINER_LAUNCH_FAILED', why ..
      'checks of command tasks'), f:status('check'))
  end)

  it('a task has the environment of its executor, its role and its variables', function()
    f = p:framework(CAPABLE)
    f:launch { task('env', { value = 'env | cut -d= -f1 | sort; pwd; ' ..
      'echo $MESOS_ALLOCATION_ROLE; echo $A',
      environment = { variables = { { name = 'A', value = 'b' } } } }) }
    lives('env', STARTING, RUNNING, { 'TASK_FINISHED', 'Command exited with status 0' })
    local out = p:read('env', 'stdout')
    local names = {}
    for name in out:match('^[^/]*'):gmatch('%S+') do
      -- Ours are more than with Mesos: what our agent tells our executor.
      if not name:find('^PERIGEE_') then names[#names + 1] = name end
    end
    assert.same({ 'A', 'LIBPROCESS_IP', 'LIBPROCESS_PORT', 'MESOS_AGENT_ENDPOINT',
      'MESOS_ALLOCATION_ROLE', 'MESOS_CHECKPOINT', 'MESOS_DIRECTORY', 'MESOS_EXECUTOR_ID',
      'MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD', 'MESOS_FRAMEWORK_ID', 'MESOS_HTTP_COMMAND_EXECUTOR',
      'MESOS_RECOVERY_TIMEOUT', 'MESOS_SANDBOX', 'MESOS_SLAVE_ID', 'MESOS_SLAVE_PID',
      'MESOS_SUBSCRIPTION_BACKOFF_MAX', 'PATH', 'PWD' }, names)
    assert.matches('/executors/env/runs/[%x-]+\ndev\nb\n$', out)
  end)

  if Pair.has_cgroups then
    it('a task over its memory is the agent\'s to tell, with the limit', function()
      p:stop()
      p = Pair.start('--isolation=cgroups')
      f = p:framework(CAPABLE)
      f:launch { task('t', 'x=x; while :; do x=$x$x; done') }
      lives('t', STARTING, RUNNING)
      local want = from_agent('t', 'REASON_CONTAINER_LIMITATION_MEMORY', function(text)
        return text:find('^Memory limit exceeded: Requested: 64MB Maximum Used: 6%dMB\n\n' ..
          'MEMORY STATISTICS: \n')
      end)
      want.limitation = { resources = {
        { name = 'mem', type = 'SCALAR', scalar = { value = 64.0 } } } }
      same(want, f:status('t', 30))
    end)
  end
end)
