-- Custom executors, seen from both sides, and the files of sandboxes, against
-- what a real Mesos 1.12 told.
local cjson = require 'cjson'
local framework = require 'support.framework'
local mesos = require 'support.mesos'
local Pair = require 'support.pair'
local run = require 'support.run'

local any, same = mesos.any, mesos.same
local task = framework.task
local CAPABILITIES = { { type = 'MULTI_ROLE' }, { type = 'RESERVATION_REFINEMENT' },
  { type = 'PARTITION_AWARE' }, { type = 'TASK_KILLING_STATE' } }
local DEV = { role = 'dev' }
local p, f, agent

local function scalar(name, value, more)
  local one = { name = name, type = 'SCALAR', scalar = { value = value } }
  for key, field in pairs(more or {}) do one[key] = field end
  return one
end

local function small() return { scalar('cpus', 0.1), scalar('mem', 32) } end
local function allocated()
  return { scalar('cpus', 0.1, { allocation_info = DEV }),
    scalar('mem', 32, { allocation_info = DEV }) }
end

local function executor(id, command)
  return { type = 'CUSTOM', executor_id = { value = id }, name = 'custom', source = 'src',
    resources = small(), command = { value = command,
      environment = { variables = { { name = 'EXTRA', value = '1' } } } } }
end

--- An executor that is this test: it writes its environment down and waits, while
--- the test speaks for it.
local PUPPET = 'env >env; trap "exit 0" TERM; echo up >ready; while :; do sleep 0.05; done'

local function launched(id)
  run.eventually(10, 'executor up', function() return p:read(id, 'ready') == 'up\n' end)
  local environment = {}
  for name, value in p:read(id, 'env'):gmatch('([^\n=]+)=([^\n]*)\n') do
    environment[name] = value
  end
  return environment
end

--- Calls of the puppet.
local function speak(id, kind, fields)
  local body = { type = kind, executor_id = { value = id }, framework_id = f.id }
  for name, value in pairs(fields) do body[name] = value end
  local answer = mesos.send(p.agent_port, 'POST', '/api/v1/executor', body)
  assert.same({ 202, '' }, { answer.status, answer.body })
  assert.is_nil(answer.headers['content-type'])
end

local serial = 0
local function update(id, of, state, more)
  serial = serial + 1
  local uuid = ('AAAAAAAAQACAAAA%02dAAAAA=='):format(serial)
  local status = { task_id = { value = of }, state = state, source = 'SOURCE_EXECUTOR',
    executor_id = { value = id }, uuid = uuid, timestamp = 1.5 }
  for name, value in pairs(more or {}) do status[name] = value end
  speak(id, 'UPDATE', { update = { status = status } })
  return uuid
end

local function subscribe(id)
  return mesos.stream(p.agent_port, '/api/v1/executor', cjson.encode { type = 'SUBSCRIBE',
    executor_id = { value = id }, framework_id = f.id,
    subscribe = { ['_'] = 1 } })
end

--- What the framework is told of an executor's update.
local function told(of, id, state, more)
  local want = mesos.from_executor(of, state, nil, agent)
  want.executor_id = { value = id }
  for name, value in pairs(more or {}) do want[name] = value end
  return want
end

local function gone(id, status)
  return { type = 'FAILURE', failure = { agent_id = { value = agent },
    executor_id = { value = id }, status = status } }
end

local function failed(of, id, reason, message)
  return { task_id = { value = of }, state = 'TASK_FAILED', source = 'SOURCE_AGENT',
    reason = reason, message = message, agent_id = { value = agent },
    executor_id = { value = id }, timestamp = any, uuid = any }
end

local function open(flags, info)
  p = Pair.start('--hostname=localhost ' .. (flags or ''))
  local all = { roles = { 'dev' }, principal = 'alice', checkpoint = false,
    capabilities = CAPABILITIES }
  for name, value in pairs(info or {}) do all[name] = value end
  f = p:framework(all)
end

local function launch(tasks)
  f:launch(tasks)
  agent = f.agent_id.value
end

--- The next event but offers and heartbeats; updates are acknowledged.
local function event()
  local one
  repeat one = f:next(10)
  until not one or (one.type ~= 'HEARTBEAT' and one.type ~= 'OFFERS')
  if one and one.type == 'UPDATE' and one.update.status.uuid then
    local status = one.update.status
    f:call('ACKNOWLEDGE', { acknowledge = { agent_id = status.agent_id,
      task_id = status.task_id, uuid = status.uuid } })
  end
  return one
end

describe('as recorded from Mesos,', function()
  after_each(function()
    if p then p:stop() end
    p, f = nil, nil
  end)

  for _, checkpoint in ipairs { false, true } do
    it('a custom executor, checkpoint ' .. tostring(checkpoint), function()
      open('--executor_shutdown_grace_period=2secs', { checkpoint = checkpoint })
      local info = executor('ce1', PUPPET)
      launch { task('c1', nil, { executor = info }),
        task('c2', nil, { executor = info, data = 'cGF5bG9hZA==' }) }
      local env = launched 'ce1'
      local sandbox = env.MESOS_SANDBOX
      assert.truthy(sandbox:find(('/slaves/%s/frameworks/%s/executors/ce1/runs/'):format(agent,
        f.id.value), 1, true))
      for name, value in pairs { EXTRA = '1', LIBPROCESS_IP = '127.0.0.1', LIBPROCESS_PORT = '0',
        MESOS_AGENT_ENDPOINT = '127.0.0.1:' .. p.agent_port, MESOS_DIRECTORY = sandbox,
        MESOS_CHECKPOINT = checkpoint and '1' or '0', MESOS_EXECUTOR_ID = 'ce1',
        MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD = '2secs', MESOS_FRAMEWORK_ID = f.id.value,
        MESOS_HTTP_COMMAND_EXECUTOR = '0', MESOS_SLAVE_ID = agent, PWD = sandbox,
        MESOS_SLAVE_PID = 'slave(1)@127.0.0.1:' .. p.agent_port,
        PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' } do
        assert.equal(value, env[name], name)
      end
      -- Only who is expected back is told how long and how often to try.
      assert.equal(checkpoint and '15mins' or nil, env.MESOS_RECOVERY_TIMEOUT)
      assert.equal(checkpoint and '1secs' or nil, env.MESOS_SUBSCRIPTION_BACKOFF_MAX)
      assert.is_nil(env.MESOS_ALLOCATION_ROLE) -- of command tasks

      local stream = subscribe 'ce1'
      same({ date = any, ['transfer-encoding'] = 'chunked',
        ['content-type'] = 'application/json' }, stream.headers) -- no stream id
      local shown = executor('ce1', PUPPET)
      shown.framework_id, shown.resources = f.id, allocated()
      shown.command.shell = true
      shown.command.environment.variables[1].type = 'VALUE'
      local subscribed = stream:event()
      same({ type = 'SUBSCRIBED', subscribed = { executor_info = shown,
        container_id = { value = sandbox:match('[^/]*$') },
        framework_info = { user = 'nobody', name = 'test', id = f.id, roles = { 'dev' },
          failover_timeout = 60, checkpoint = checkpoint, principal = 'alice',
          capabilities = CAPABILITIES },
        agent_info = { hostname = 'localhost', port = p.agent_port, id = { value = agent },
          resources = { scalar('cpus', 4), scalar('mem', 4096), scalar('disk', 1000),
            { name = 'ports', type = 'RANGES',
              ranges = { range = { { begin = 31000, ['end'] = 31009 } } } } } } } }, subscribed)
      for _, id in ipairs { 'c1', 'c2' } do -- all in one burst
        same({ type = 'LAUNCH', launch = { task = { name = id, task_id = { value = id },
          agent_id = { value = agent }, resources = allocated(), executor = shown,
          data = id == 'c2' and 'cGF5bG9hZA==' or nil } } }, stream:event())
      end

      -- Acknowledged at once, whatever the framework does.
      local up = { message = 'up', data = 'ZGF0YQ==',
        labels = { labels = { { key = 'a', value = 'b' } } } }
      for _, id in ipairs { 'c1', 'c2' } do
        for _, step in ipairs { { 'TASK_STARTING' }, { 'TASK_RUNNING', up } } do
          local uuid = update('ce1', id, step[1], step[2])
          same({ type = 'ACKNOWLEDGED', acknowledged = { task_id = { value = id }, uuid = uuid } },
            stream:event())
        end
      end
      for _ = 1, 4 do -- in order for each task
        local status = event().update.status
        local more = status.state == 'TASK_RUNNING' and up or {}
        same(told(status.task_id.value, 'ce1', status.state, more), status)
      end
      f:call('MESSAGE', { message = { agent_id = { value = agent },
        executor_id = { value = 'ce1' }, data = 'aGVsbG8=' } })
      same({ type = 'MESSAGE', message = { data = 'aGVsbG8=' } }, stream:event())
      speak('ce1', 'MESSAGE', { message = { data = 'aGVsbG8=' } })
      same({ type = 'MESSAGE', message = { agent_id = { value = agent },
        executor_id = { value = 'ce1' }, data = 'aGVsbG8=' } }, event())
      f:kill('c1', 500)
      same({ type = 'KILL', kill = { task_id = { value = 'c1' },
        kill_policy = { grace_period = { nanoseconds = 500000000 } } } }, stream:event())
      update('ce1', 'c1', 'TASK_KILLED', { message = 'killed by executor' })
      assert.equal('ACKNOWLEDGED', stream:event().type)
      same(told('c1', 'ce1', 'TASK_KILLED', { message = 'killed by executor' }),
        event().update.status)
      f:call('SHUTDOWN', { shutdown = { agent_id = { value = agent },
        executor_id = { value = 'ce1' } } })
      same({ type = 'SHUTDOWN' }, stream:event())
      os.execute(("kill $(grep -lzx MESOS_SANDBOX=%s /proc/[0-9]*/environ 2>/dev/null | " ..
        "cut -d/ -f3)"):format(sandbox)) -- it obeys
      same(gone('ce1', 0), event()) -- told of a clean end, too
      same(failed('c2', 'ce1', 'REASON_EXECUTOR_TERMINATED', 'Executor terminated'),
        event().update.status)
    end)
  end

  it('executors that exit before and after they subscribed', function()
    open()
    launch { task('d1', nil, { executor = executor('dead', 'exit 7') }) }
    same(gone('dead', 7 << 8), event())
    same(failed('d1', 'dead', 'REASON_EXECUTOR_TERMINATED', 'Executor terminated'),
      event().update.status)
    launch { task('d2', nil, { executor = executor('dies',
      'echo >env; echo up >ready; while [ ! -e go ]; do sleep 0.02; done; exit 9') }) }
    launched 'dies'
    local stream = subscribe 'dies'
    assert.equal('SUBSCRIBED', stream:event().type)
    assert.equal('LAUNCH', stream:event().type)
    update('dies', 'd2', 'TASK_STARTING')
    update('dies', 'd2', 'TASK_RUNNING', { message = 'up' })
    same(told('d2', 'dies', 'TASK_STARTING'), event().update.status)
    same(told('d2', 'dies', 'TASK_RUNNING', { message = 'up' }), event().update.status)
    os.execute(('cd %s/agent/slaves/*/frameworks/*/executors/dies/runs/latest && touch go')
      :format(p.dir))
    same(gone('dies', 9 << 8), event())
    same(failed('d2', 'dies', 'REASON_EXECUTOR_TERMINATED', 'Executor terminated'),
      event().update.status)
  end)

  it('an executor that never subscribes', function()
    open('--executor_registration_timeout=300ms')
    launch { task('nr', nil, { executor = executor('mute', 'sleep 600') }) }
    same(gone('mute', 9), event())
    same(failed('nr', 'mute', 'REASON_EXECUTOR_REGISTRATION_TIMEOUT',
      'Executor did not register within 300ms'), event().update.status)
  end)

  it('files of a sandbox', function()
    open()
    launch { task('run1', 'echo out; echo err >&2; echo done >&2; exec sleep 600') }
    f:reach('run1', 'TASK_RUNNING')
    run.eventually(10, 'written', function()
      return p:read('run1', 'stderr') == 'err\ndone\n'
    end)
    local virtual = p:sandbox('run1')
    local real = Pair.sh('readlink -f ' .. p.dir .. '/agent/slaves/*/frameworks/*/executors/' ..
      'run1/runs/latest'):match('%S+')
    local function get(what) return mesos.send(p.agent_port, 'GET', '/files/' .. what) end
    for _, path in ipairs { real, virtual } do
      local entries = {}
      for _, one in ipairs(cjson.decode(get('browse?path=' .. path).body)) do
        entries[one.path:match('[^/]*$')] = one
      end
      for name, size in pairs { stdout = 4, stderr = 9 } do
        same({ gid = any, uid = Pair.is_root and 'nobody' or any,
          mode = '-rw-r--r--', mtime = any, nlink = 1, path = path .. '/' .. name,
          size = size }, entries[name])
      end
    end
    local out = real .. '/stdout'
    for query, want in pairs { ['&offset=0&length=100'] = { data = 'out\n', offset = 0 },
      ['&offset=-1'] = { data = '', offset = 4 }, [''] = { data = '', offset = 4 },
      ['&offset=2&length=1'] = { data = 't', offset = 2 },
      ['&offset=100'] = { data = '', offset = 100 },
      ['&offset=0&length=-1'] = { data = 'out\n', offset = 0 } } do
      local answer = get('read?path=' .. out .. query)
      assert.equal('application/json', answer.headers['content-type'])
      assert.same(want, cjson.decode(answer.body))
    end
    local file = get('download?path=' .. out)
    assert.same({ 200, 'out\n', 'attachment; filename=stdout', 'application/octet-stream' },
      { file.status, file.body, file.headers['content-disposition'],
        file.headers['content-type'] })
    for _, row in ipairs {
      { 'read?path=' .. out .. '&offset=abc', 400,
        "Failed to parse offset: Failed to convert 'abc' to number.\n" },
      { 'browse', 400, "Expecting 'path=value' in query.\n" },
      { 'browse?path=/nope', 404, '' }, { 'read?path=/nope&offset=0', 404, '' },
      { 'download?path=/nope', 404, '404 Not Found.' },
      { 'read?path=' .. real .. '&offset=0', 400, 'Cannot read a directory.\n' },
      { 'download?path=' .. real, 400, 'Cannot download a directory.\n' },
      { 'browse?path=' .. out, 200, '[]' },
      { 'browse?path=' .. real .. '/..', 400, "'" .. real .. "/..' is inaccessible.\n" },
      { 'browse?path=' .. virtual:gsub('/runs/latest', '/tasks/run1'), 404, '' },
      { 'browse?path=' .. virtual:gsub('^/frameworks', '/framework'), 404, '' },
    } do
      local answer = get(row[1])
      assert.same(row, { row[1], answer.status, answer.body })
      if row[2] ~= 200 then
        assert.equal('text/plain; charset=utf-8', answer.headers['content-type'])
      end
    end
  end)
end)
