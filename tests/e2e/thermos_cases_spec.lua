-- The behaviour cases of Aurora's executor, by their numbers
-- (docs/thermos-cases.md), with a real agent and a real executor.
local Pair = require 'support.pair'
local framework = require 'support.framework'
local run = require 'support.run'
local socket = require 'socket'

describe('thermos executor', function()
  local p, f

  setup(function()
    p = Pair.start()
    f = p:framework { user = 'www-data' }
  end)
  teardown(function() p:stop() end)

  local function signal(pid) os.execute('kill -KILL ' .. pid) end

  local function launch(id, processes, more, payload)
    local task = framework.graph(id, processes, more, payload)
    task.resources[2].scalar.value = #processes > 100 and 1024 or 32
    f:launch { task }
  end

  -- The states reported until the end, and the last status.
  local function states(id)
    local list = {}
    local status
    repeat
      status = f:status(id, 30)
      list[#list + 1] = status.state:gsub('TASK_', '')
    until framework.terminal[status.state]
    return table.concat(list, ' '), status
  end

  -- Nothing more is said about a task.
  local function assert_silent(id)
    local said = f:next(0.3)
    while said do
      assert.is_false(said.type == 'UPDATE' and said.update.status.task_id.value == id, id)
      said = f:next(0.3)
    end
  end

  local function in_sandbox(id, file)
    local path = '%s/agent/slaves/*/frameworks/*/executors/%s/runs/latest/%s'
    return (Pair.sh('ls ' .. path:format(p.dir, id, file) .. ' 2>/dev/null'):match('%S+'))
  end

  local function await_file(id, file)
    return run.eventually(20, file, function() return in_sandbox(id, file) end)
  end

  it('case 36: hello world gives exactly three updates', function()
    launch('case-36', { { name = 'hello', cmdline = 'echo hello world' } })
    local list, last = states('case-36')
    assert.equal('STARTING RUNNING FINISHED', list, last.message)
    assert_silent('case-36')
  end)

  it('case 37: a runner that disappears is replaced, and nobody hears of it', function()
    launch('case-37', { { name = 'p',
      cmdline = 'echo $$ >pid; while ! test -e go; do sleep 0.02; done; echo $$ >>pid' } })
    local file = await_file('case-37', 'pid')
    local runner = p:runner('case-37')
    signal(runner)
    run.eventually(10, 'another runner', function()
      local other = p:runner('case-37')
      return other and other ~= runner
    end)
    run.write(file:gsub('pid$', 'go'), '')
    local list, last = states('case-37')
    assert.equal('STARTING RUNNING FINISHED', list, last.message)
    local before, after = run.read(file):match('^(%d+)\n(%d+)\n$')
    assert.equal(before, after)
  end)

  it('case 37: a runner that cannot be replaced ends the task KILLED', function()
    launch('case-37b', { { name = 'p', cmdline = 'echo $$ >pid; exec sleep 1000' } })
    local file = await_file('case-37b', 'pid')
    f:reach('case-37b', 'TASK_RUNNING')
    local status
    run.eventually(30, 'the end', function()
      local runner = p:runner('case-37b')
      if runner then signal(runner) end
      local said = f:next(0)
      if said and said.type == 'UPDATE' then status = said.update.status end
      return status
    end)
    assert.equal('TASK_KILLED', status.state)
    assert.matches('the runner of this task died and could not be replaced', status.message)
    f:call('ACKNOWLEDGE', { acknowledge = { agent_id = status.agent_id, task_id = status.task_id,
      uuid = status.uuid } })
    local pid = tonumber(run.read(file))
    run.eventually(10, 'its process gone', function()
      return not os.execute('kill -0 ' .. pid .. ' 2>/dev/null')
    end)
  end)

  -- More ends than the line between executor and runner holds at a time.
  for how, signal_name in pairs { ['that stands still'] = 'CONT', ['that dies'] = 'KILL' } do
    it('case 37: four hundred ends at once are not lost on a runner ' .. how, function()
      local id = 'case-37-' .. signal_name:lower()
      local list = { { name = 'p0', cmdline = 'mkfifo go; touch made' } }
      local order = {}
      for i = 1, 400 do
        list[i + 1] = { name = 'p' .. i, cmdline = 'echo $$ >>begun; : <go' }
        order[i] = { order = { 'p0', 'p' .. i } }
      end
      launch(id, list, { constraints = order })
      local begun = await_file(id, 'begun')
      run.eventually(60, 'all have begun', function()
        return select(2, run.read(begun):gsub('\n', '')) == 400
      end)
      local first = p:runner(id)
      signal(first)
      local second = run.eventually(20, 'another runner', function()
        local other = p:runner(id)
        return other ~= first and other
      end)
      os.execute('kill -STOP ' .. second)
      os.execute(('exec 3<>%s; sleep 0.2; while pgrep -P %d -x bash >/dev/null; do sleep 0.1; done')
        :format(begun:gsub('begun$', 'go'), Pair.parent(second)))
      os.execute(('kill -%s %d'):format(signal_name, second))
      local states_told, last = states(id)
      assert.equal('STARTING RUNNING FINISHED', states_told, last.message)
      -- Each ran once: nothing was taken for lost.
      assert.equal(400, select(2, run.read(begun):gsub('\n', '')))
    end)
  end

  it('case 38: two kills give one final update, within the grace asked for', function()
    launch('case-38', { { name = 'p',
      cmdline = "trap '' TERM; touch up; while :; do sleep 0.05; done" } })
    await_file('case-38', 'up')
    f:reach('case-38', 'TASK_RUNNING')
    local before = socket.gettime()
    f:kill('case-38', 1000)
    f:kill('case-38', 1000)
    local list, last = states('case-38')
    local took = socket.gettime() - before
    assert.equal('KILLED', list, last.message)
    assert.is_true(took >= 1 and took < 4, 'took ' .. took)
    assert_silent('case-38')
  end)

  it('case 39: a kill while the sandbox is filled runs nothing', function()
    local silent = assert(socket.bind('127.0.0.1', 0))
    local _, port = silent:getsockname()
    launch('case-39', { { name = 'p', cmdline = 'touch ran' } },
      { fetch = { { uri = ('http://127.0.0.1:%d/slow'):format(port) } } })
    silent:settimeout(20)
    local taken = assert(silent:accept())
    f:kill('case-39')
    local list, last = states('case-39')
    assert.equal('STARTING KILLED', list, last.message)
    assert.is_nil(in_sandbox('case-39', 'ran'))
    taken:close()
    silent:close()
  end)

  it('case 40: a process that ignores SIGTERM ends within finalization_wait', function()
    launch('case-40', { { name = 'p',
      cmdline = "trap '' TERM; touch up; while :; do sleep 0.05; done" },
      { name = 'f', cmdline = 'touch finalized', final = true } }, { finalization_wait = 1 })
    await_file('case-40', 'up')
    f:reach('case-40', 'TASK_RUNNING')
    local before = socket.gettime()
    f:kill('case-40')
    assert.equal('KILLED', (states('case-40')))
    local took = socket.gettime() - before
    assert.is_true(took >= 1 and took < 4, 'took ' .. took)
    assert.is_nil(in_sandbox('case-40', 'finalized'))
  end)

  it('case 42: what cannot be read fails, and says why', function()
    launch('case-42', { { name = 'p', cmdline = 'true' } }, nil, '\255\255garbage')
    local list, last = states('case-42')
    assert.equal('STARTING FAILED', list)
    assert.matches('AssignedTask', last.message)
  end)

  it('case 42: an image is refused by name', function()
    local task = framework.task('case-42i', 'true', { container = { type = 'MESOS', mesos = {
      image = { type = 'DOCKER', docker = { name = 'x' } } } } })
    f:launch { task }
    local last = f:ending('case-42i')
    assert.truthy(last.state == 'TASK_FAILED' or last.state == 'TASK_ERROR', last.state)
    assert.matches('image', last.message)
  end)
end)
