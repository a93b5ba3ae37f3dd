-- The life of jobs through clusterctl, on a real cluster.
local cluster = require 'support.cluster'
local run = require 'support.run'

describe('clusterctl', function()
  local c
  setup(function() c = cluster.start { agents = 2 } end)
  teardown(function() c:stop() end)

  it('runs a service, shows it, and kills it', function()
    local key = 'devcluster/www-data/test/sleeper'
    local file = c:file('sleeper.lua', cluster.sleeper('sleeper', 2))
    local created = c:must { 'create', key, file }
    assert.matches('job create succeeded: job url=http://', created, 1, true)
    c:must { 'wait', key, '--for', 'RUNNING', '--timeout', 20 }
    local tasks = c:tasks(key)
    assert.equal('RUNNING', tasks[0].state)
    assert.equal('RUNNING', tasks[1].state)
    assert.matches(key, c:must { 'list', 'devcluster/www-data' }, 1, true)
    assert.matches('RUNNING', c:must { 'status', key })
    c:must { 'kill', key, '--timeout', 20 }
    assert.same({}, c:pids('sleep 1000'))
    assert.not_equal(0, c:cli({ 'status', key }).status)
  end)

  it('finishes a batch job and keeps its logs', function()
    local key = 'devcluster/www-data/test/batch'
    local file = c:file('batch.lua', [[
return { Job { cluster = "devcluster", role = "www-data", environment = "test", name = "batch",
  task = SimpleTask { name = "say", cmdline = "echo hello {{mesos.instance}}" } } }]])
    c:must { 'create', key, file }
    c:must { 'wait', key, '--for', 'FINISHED', '--timeout', 20 }
    assert.equal('hello 0\n', c:must { 'logs', key .. '/0' })
  end)

  it('follows a log by its new bytes, over new agents and a new file, to the end of its task',
    function()
      local key = 'devcluster/www-data/test/talker'
      local file = c:file('talker.lua', [[
return { Job { cluster = "devcluster", role = "www-data", environment = "test", name = "talker",
  task = SimpleTask { name = "say", cmdline = "seq 40000; until [ -e ]] .. c.dir ..
        [[/shrink ]; do sleep 0.1; done; exec > .logs/say/0/stdout; echo anew; until [ -e ]] ..
        c.dir .. [[/end ]; do sleep 0.1; done; echo last" } } }]])
      c:must { 'create', key, file, '--wait-until', 'RUNNING', '--timeout', 20 }
      local out = c.dir .. '/followed'
      os.execute(('(HOME=%s XDG_CONFIG_HOME=%s/config timeout 60 %s/clusterctl logs %s/0 ' ..
        '--follow >%s 2>&1; echo $? >%s.status) &'):format(c.dir, c.dir, run.bin, key, out, out))
      local function has(text)
        run.eventually(30, text, function() return (run.read(out) or ''):find(text, 1, true) end)
      end
      has '\n40000\n'
      for _, pid in ipairs(c:pids('perigee%-agent')) do c.kill(pid) end
      run.eventually(10, 'no agent', function() return #c:pids('perigee%-agent') == 0 end)
      c:up()
      run.write(c.dir .. '/shrink', '')
      has '\n40000\nanew\n'
      run.write(c.dir .. '/end', '')
      run.eventually(30, 'its end', function() return run.read(out .. '.status') == '0\n' end)
      local text = run.read(out)
      assert.equal('anew\nlast\n', text:sub(-10))
      local _, count = text:gsub('\n', '')
      assert.equal(40002, count)
    end)

  it('refuses words of waiting before anything is done', function()
    local key = 'devcluster/www-data/test/never'
    local file = c:file('never.lua', cluster.sleeper('never', 1))
    for _, option in ipairs { { '--wait-until', 'UP' }, { '--timeout', 'soon' } } do
      assert.equal(6, c:cli({ 'create', key, file, table.unpack(option) }).status)
      assert.equal(4, c:cli({ 'status', key }).status)
    end
  end)

  it('lets no message command a terminal', function()
    local key = 'devcluster/www-data/test/loud'
    c:must { 'create', key, c:file('loud.lua', cluster.sleeper('loud', 1)) }
    c:must { 'update', 'start', key, c:file('loud.lua', cluster.sleeper('loud', 2)), '-m',
      'clear\27[2J \xc2\x9b2J red\27[31m' }
    local seen = c:terminal { 'update', 'info', key }
    assert.matches('clear?[2J ??2J red\27[31m', seen, 1, true)
    local piped = c:must { 'update', 'info', key }
    assert.matches('clear\27[2J \xc2\x9b2J', piped, 1, true)
    c:must { 'update', 'abort', key }
    c:must { 'killall', key }
  end)

  it('lists one role and environment, and refuses more parts', function()
    local key = 'devcluster/www-data/devel/listed'
    local text = cluster.sleeper('listed', 1):gsub('"test"', '"devel"')
    c:must { 'create', key, c:file('listed.lua', text) }
    assert.matches(key, c:must { 'list', 'devcluster/www-data/devel' }, 1, true)
    assert.is_nil(c:must({ 'list', 'devcluster/www-data/test' }):find(key, 1, true))
    for _, noun in ipairs { {}, { 'group' }, { 'cron' } } do
      local words = { table.unpack(noun) }
      words[#words + 1] = noun[1] == 'cron' and 'show' or 'list'
      words[#words + 1] = 'devcluster/www-data/devel//'
      assert.equal(6, c:cli(words).status)
    end
    c:must { 'killall', key }
  end)

  it('says why a task waits', function()
    local key = 'devcluster/www-data/test/huge'
    c:must { 'create', key, c:file('huge.lua', cluster.sleeper('huge', 1, '64')) }
    local why = c:must { 'why', key, '--json' }
    assert.equal(1, why.why.pending)
    assert.matches('cpu', why.why.reasons[1].veto)
    c:must { 'killall', key }
  end)

  it('scales up and down, restarts, adds', function()
    local key = 'devcluster/www-data/test/web'
    c:must { 'create', key, c:file('web.lua', cluster.sleeper('web', 1)), '--wait-until', 'RUNNING',
      '--timeout', 20 }
    c:must { 'scale', key, 3, '--timeout', 20 }
    assert.equal('RUNNING', c:tasks(key)[2].state)
    c:must { 'add', key, 1, '--timeout', 20 }
    assert.equal('RUNNING', c:tasks(key)[3].state)
    local before = c:tasks(key)[0].task_id
    c:must { 'restart', key .. '/0', '--watch-secs', 1, '--timeout', 20 }
    run.eventually(20, 'a new task', function()
      local task = c:tasks(key)[0]
      return task and task.state == 'RUNNING' and task.task_id ~= before
    end)
    c:must { 'scale', key, 1, '--timeout', 20 }
    run.eventually(20, 'one instance', function() return c:tasks(key)[1] == nil end)
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('returns from a restart when every batch is done', function()
    local key = 'devcluster/www-data/test/batches'
    c:must { 'create', key, c:file('batches.lua', cluster.sleeper('batches', 3)), '--wait-until',
      'RUNNING', '--timeout', 20 }
    local before = c:tasks(key)
    c:must { 'restart', key, '--watch-secs', 0, '--timeout', 30 }
    local after = c:tasks(key)
    for i = 0, 2 do
      assert.equal('RUNNING', after[i].state)
      assert.not_equal(before[i].task_id, after[i].task_id)
    end
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('checks and inspects files without a cluster', function()
    local file = c:file('good.lua', cluster.sleeper('good', 1))
    assert.matches('fine', c:must { 'check', file })
    local job = c:must { 'inspect', 'devcluster/www-data/test/good', file, '--json' }
    assert.equal('good', job.name)
    assert.equal(100, job.task.resources.cpu_milli)
  end)

  it('creates from the JSON that inspect prints', function()
    local file = c:file('copy.lua', cluster.sleeper('copy', 1))
    local job = c:must { 'inspect', 'devcluster/www-data/test/copy', file, '--json' }
    local answer = run.post(c.aurora .. '/api/v1',
      { type = 'CREATE_JOB', create_job = { job = job } })
    assert.equal(200, answer.status, answer.body)
    c:must { 'wait', 'devcluster/www-data/test/copy', '--timeout', 20 }
    c:must { 'killall', 'devcluster/www-data/test/copy', '--timeout', 20 }
  end)

  for _, case in ipairs {
    { { 'crate', 'x' }, 5, "did you mean 'create'" },
    { { 'host', 'stauts' }, 5, "did you mean 'host status'" },
    { { 'sla', 'devcluster/www-data/test/x' }, 5, 'sla: task-up-count, job-uptime' },
    { { 'status', 'a/b' }, 6, 'cluster/role/env/name' },
    { { 'status', 'devcluster/www-data/test/nothing' }, 4, 'nothing' },
    { { 'status', 'mars/www-data/test/x' }, 6, 'mars' },
    { { 'scale', 'devcluster/www-data/test/x', 'many' }, 6, 'many' },
    { { 'wait', 'devcluster/www-data/test/x', '--fro', 'RUNNING' }, 6, '--for' },
    { { 'create', 'devcluster/www-data/test/x', '/no/such/file.lua' }, 3, '/no/such/file.lua' },
  } do
    it('refuses ' .. table.concat(case[1], ' '), function()
      local result = c:cli(case[1])
      assert.equal(case[2], result.status, result.out .. result.err)
      assert.matches(case[3], result.err, 1, true)
    end)
  end
end)

describe('clusterctl dev start', function()
  it('serves users who cannot reach its own folder', function()
    local private = run.temp()
    os.execute(('cp %s/perigee-* %s/thermos %s/clusterctl %s'):format(run.bin, run.bin, run.bin,
      private))
    local usual = run.bin
    run.bin = private
    local fine, problem = pcall(function()
      local c = cluster.start()
      local key = 'devcluster/www-data/test/far'
      c:must { 'create', key, c:file('far.lua', cluster.sleeper('far', 1)), '--wait-until',
        'RUNNING', '--timeout', 20 }
      c:stop()
    end)
    run.bin = usual
    run.remove(private)
    assert(fine, problem)
  end)
end)
