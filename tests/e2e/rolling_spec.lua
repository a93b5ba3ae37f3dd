-- Restarts and kills in batches, by a scheduler that is killed meanwhile; and
-- changes of a job that restart only what must be.
local cjson = require 'cjson'
local cluster = require 'support.cluster'
local run = require 'support.run'

describe('rolling work', function()
  local KEY = 'devcluster/www-data/test/web'
  local c

  local function file(fields, command, count)
    return c:file('web.lua', ([[
return { Service { cluster = "devcluster", role = "www-data", environment = "test", name = "web",
  instances = %d, update = Update { watch_secs = 0, batch_size = 4 }, %s
  task = Task { processes = { Process { name = "p", cmdline = "%s", min_duration = 1 } },
    resources = Resources { cpu = 0.1, ram = 16*MB, disk = 1*MB } } } }
]]):format(count or 4, fields or '', command or 'exec sleep 2001'))
  end

  local function job()
    return c:must({ 'status', KEY, '--json' }).jobs[1]
  end

  local function ids()
    local out = {}
    for _, task in ipairs(c:must({ 'status', KEY, '--json' }).tasks) do
      if task.state == 'RUNNING' then out[task.instance] = task end
    end
    return out
  end

  local function kill_aurora()
    for _, pid in ipairs(c:pids('perigee%-aurora')) do c.kill(pid) end
    run.eventually(10, 'its death', function() return #c:pids('perigee%-aurora') == 0 end)
    c:up()
  end

  setup(function()
    c = cluster.start { agents = 2 }
    c:must { 'create', KEY, file(), '--wait-until', 'RUNNING', '--timeout', 40 }
  end)
  teardown(function() c:stop() end)

  it('restarts batch by batch, though client and scheduler die', function()
    local before = ids()
    c:must { 'restart', KEY, '--batch-size', 1, '--watch-secs', 1, '--no-wait' }
    local again = c:cli { 'restart', KEY, '--no-wait' }
    assert.equal(4, again.status)
    assert.matches('a restart is under way', again.err, 1, true)
    for _ = 1, 2 do
      local done = job().rolling.done
      kill_aurora()
      run.eventually(30, 'one more', function() return (job().rolling.done or 0) > (done or 0) end)
    end
    run.eventually(40, 'its end', function() return job().rolling.state == 'DONE' end)
    local after = ids()
    for instance = 0, 3 do
      assert.not_equal(before[instance].task_id, after[instance].task_id)
    end
    assert.matches('restart: 4 of 4 done', c:must { 'status', KEY }, 1, true)
  end)

  it('is cancelled, and says so to who waits', function()
    c:must { 'restart', KEY, '--watch-secs', 600, '--no-wait' }
    assert.matches('0 of 4 done', c:must { 'cancel', KEY, '-m', 'not today' }, 1, true)
    assert.equal('CANCELLED', job().rolling.state)
    assert.equal(4, c:cli({ 'cancel', KEY }).status)
    run.eventually(20, 'all of them', function() return job().active == 4 end)
  end)

  it('refuses what makes no sense', function()
    for _, words in ipairs {
      { 'restart', KEY, '--max-total-failures', -1 },
      { 'restart', KEY, '--watch-secs', 'soon' },
      { 'kill', KEY, '--batch-size', 2, '--no-batching' },
      { 'add', KEY .. '/0-1', 1 },
    } do
      local result = c:cli(words)
      assert.equal(6, result.status, table.concat(words, ' ') .. result.out .. result.err)
    end
    local strict = c:cli { 'kill', KEY .. '/3-5', '--strict' }
    assert.equal(4, strict.status)
    assert.matches('instance 4 is not active', strict.err, 1, true)
  end)

  it('that fails ends with exit code 4 and the reason', function()
    local bad = c.dir .. '/bad'
    local path = file('', 'test -e ' .. bad .. ' && exit 1; exec sleep 2001')
    c:must { 'apply', path, '--wait-until', 'RUNNING', '--timeout', 40 }
    run.write(bad, '')
    local result = c:cli { 'restart', KEY, '--watch-secs', 3, '--timeout', 40 }
    assert.equal(4, result.status, result.out)
    assert.matches('1 instances failed: 0 may; 3 were not restarted', result.err, 1, true)
    assert.same({ 0 }, job().rolling.failed_instances)
    os.remove(bad)
    c:must { 'apply', file(), '--wait-until', 'RUNNING', '--timeout', 60 }
  end)

  it('a changed contact restarts nothing', function()
    local before = ids()
    local path = file('contact = "ops@example.org",')
    local plan = c:cli { 'plan', path }
    assert.equal(1, plan.status, plan.err)
    assert.matches('leaves 0-3 running: nothing restarts', plan.out, 1, true)
    c:must { 'apply', path, '--wait-until', 'RUNNING', '--timeout', 30 }
    assert.matches('nothing to do', c:must { 'plan', path }, 1, true)
    for instance, task in pairs(ids()) do assert.equal(before[instance].task_id, task.task_id) end
  end)

  it('other constraints move only who must', function()
    local before = ids()
    local here = 0
    for _, task in pairs(before) do
      if task.agent_id == before[0].agent_id then here = here + 1 end
    end
    for agent = 0, 3 do -- the one that instance 0 stands on
      local path = file(('contact = "ops@example.org", '
        .. 'constraints = { host = one_of("agent-%d") },')
        :format(agent))
      local plan = c:cli { 'plan', path, '--json' }
      local preview = cjson.decode(plan.out).steps[1].preview
      if preview.keep:find('0', 1, true) then
        c:must { 'apply', path, '--wait-until', 'RUNNING', '--timeout', 60 }
        local stayed = 0
        for instance, task in pairs(ids()) do
          if task.task_id == before[instance].task_id then stayed = stayed + 1 end
          assert.equal(before[0].agent_id, task.agent_id)
        end
        assert.equal(here, stayed)
        return
      end
    end
    error 'no agent suits instance 0'
  end)

  it('another command restarts them, and plan says why', function()
    local path = file('contact = "ops@example.org",', 'exec sleep 2002')
    local plan = c:cli { 'plan', path }
    assert.matches('restarts 0-3: task.processes', plan.out, 1, true)
    assert.matches('restarts 0-3: ', c:cli({ 'diff', KEY, path }).out, 1, true)
    c:must { 'apply', path, '--wait-until', 'RUNNING', '--timeout', 60 }
  end)

  it('scales to nothing and back', function()
    c:must { 'scale', KEY, 0, '--timeout', 30 }
    assert.equal(0, #c:pids('^sleep 2002'))
    kill_aurora()
    assert.equal(4, c:cli({ 'create', KEY, file() }).status)
    assert.matches('scale', c:cli({ 'plan',
      file('contact = "ops@example.org",', 'exec sleep 2002') }).out, 1, true)
    c:must { 'scale', KEY, 4, '--timeout', 30 }
    assert.equal(4, #c:pids('^sleep 2002'))
  end)

  it('whose instances have other numbers is waited for, too', function()
    c:must { 'add', KEY, 2, '--timeout', 30 }
    c:must { 'kill', KEY .. '/0-1', '--timeout', 30 }
    assert.equal(4, job().job.instances)
    c:must { 'wait', KEY, '--timeout', 30 }
    c:must { 'wait', KEY .. '/0-9', '--timeout', 30 }
    local none = c:cli { 'wait', KEY .. '/0-1', '--timeout', 30 }
    assert.equal(4, none.status)
    assert.matches('none of these instances', none.err, 1, true)
    c:must { 'scale', KEY, 2, '--timeout', 30 }
  end)

  it('kills in batches, though the scheduler dies', function()
    c:must { 'kill', KEY .. '/2', '--batch-size', 1, '--timeout', 30 }
    assert.equal(1, job().job.instances)
    c:must { 'killall', KEY, '--batch-size', 1, '--no-wait' }
    kill_aurora()
    run.eventually(30, 'its end', function() return #c:pids('^sleep 2002') == 0 end)
    run.eventually(10, 'the job gone', function() return c:cli({ 'status', KEY }).status ~= 0 end)
  end)
end)
