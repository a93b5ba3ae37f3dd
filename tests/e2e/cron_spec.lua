-- Cron on a real cluster, with intervals of seconds: what becomes of scheduled
-- times, through collisions, failures and a scheduler that is killed.
local cluster = require 'support.cluster'
local run = require 'support.run'

local PREFIX = 'devcluster/www-data/test/'
local OVER = { SUCCEEDED = 1, FAILED = 1, KILLED = 1, CANCELLED = 1, MISSED = 1 }

describe('cron', function()
  local c

  setup(function() c = cluster.start { agents = 1 } end)
  teardown(function() c:stop() end)

  --- A cron job's file: its Cron's fields as text, and what it runs.
  local function file(name, cron, cmdline, more)
    return c:file(name .. '.lua', ([[
return { Job { cluster = "devcluster", role = "www-data", environment = "test", name = "%s",
  cron = Cron { %s }, %s
  task = SimpleTask { name = "%s", cmdline = [=[%s]=],
    resources = Resources { cpu = 0.02, ram = 16*MB, disk = 1*MB } } } }
]]):format(name, cron, more or '', name, cmdline or 'true'))
  end

  local function create(name, ...)
    c:must { 'create', PREFIX .. name, file(name, ...) }
    return PREFIX .. name
  end

  local function history(key)
    return c:must { 'cron', 'history', key, '--count', 1000, '--json' }.crons[1]
  end

  --- Wait until the newest firings satisfy `look`; that cron job's view.
  local function when(key, what, look)
    local view
    run.eventually(30, key .. ': ' .. what, function()
      view = history(key)
      return look(view, view.firings or {})
    end)
    return view
  end

  local function count(firings, state)
    local n = 0
    for _, f in ipairs(firings) do n = n + (f.state == state and 1 or 0) end
    return n
  end

  --- Every scheduled time from the first to the last has one record, and none
  --- has two: the times of an interval of `period` seconds.
  local function complete(firings, period)
    local expected
    for _, f in ipairs(firings) do
      if not f.manual then
        local first = f.state == 'MISSED' and f.first_secs or f.scheduled_secs
        if expected then assert.equal(expected, first) end
        assert.equal(0, (f.scheduled_secs - first) % period)
        expected = f.scheduled_secs + period
      end
    end
    assert.is_truthy(expected)
  end

  local function crash()
    for _, pid in ipairs(c:pids('perigee%-aurora')) do c.kill(pid) end
    run.eventually(10, 'the scheduler is dead', function()
      return #c:pids('perigee%-aurora') == 0
    end)
  end

  local function deschedule(key)
    c:must { 'cron', 'deschedule', key }
    c:cli { 'killall', key, '--timeout', 20 }
    run.eventually(20, key .. ' is gone', function()
      return c:cli({ 'status', key }).status ~= 0
    end)
  end

  it('runs a job at its times, and says so', function()
    local key = create('tick', 'schedule = "R//PT1S"', 'echo tick')
    local view = when(key, 'three runs', function(_, f) return count(f, 'SUCCEEDED') >= 3 end)
    complete(view.firings, 1)
    assert.is_true(view.successes >= 3)
    assert.is_nil(view.errors ~= 0 and view.errors or nil)
    assert.matches('cron job, 1 instance, next 20', c:must { 'status', key }, 1, true)
    assert.matches('tick +cron ', c:must { 'list', 'devcluster/www-data' })
    assert.matches('tick', c:must { 'cron', 'show' }, 1, true)
    assert.matches('took +last', c:must { 'cron', 'show', key })
    assert.matches('SUCCEEDED', c:must { 'cron', 'history', key })
    local rest = run.get(c.aurora .. '/api/v1/jobs/www-data/test/tick/firings?limit=2')
    assert.equal(2, select(2, rest.body:gsub('"scheduled_secs"', '')) - 1) -- and the last one
    assert.matches('"tick"', run.get(c.aurora .. '/api/v1/cron?role=www-data').body, 1, true)
    assert.equal(400, run.get(c.aurora .. '/api/v1/cron?rule=x').status)
    deschedule(key)
    -- What became of its times can be read for as long as its tasks can.
    assert.matches('next +descheduled', c:must { 'cron', 'show', key })
    assert.equal(4, c:cli({ 'cron', 'start', key }).status)
  end)

  it('pauses, resumes and starts by hand', function()
    local key = create('hand', 'schedule = "0 0 1 1 *"', 'true')
    c:must { 'cron', 'start', key }
    local view = when(key, 'a run', function(v) return v.successes == 1 end)
    assert.is_true(view.firings[1].manual)
    c:must { 'cron', 'pause', key }
    assert.matches('paused', c:must { 'status', key }, 1, true)
    assert.equal(4, c:cli({ 'cron', 'pause', key }).status)
    c:must { 'cron', 'start', key } -- also when it is paused
    when(key, 'a second run', function(v) return v.successes == 2 end)
    c:must { 'cron', 'resume', key }
    assert.matches('next 20%d%d%-01%-01', c:must { 'status', key })
    deschedule(key)
  end)

  it('ends the old run, or cancels the new one, or lets them overlap', function()
    local kill = create('kill', 'schedule = "R//PT2S"', 'exec sleep 1000')
    local cancel = create('cancel', 'schedule = "R//PT1S", collision_policy = "CANCEL_NEW"',
      'exec sleep 1000')
    local overlap = create('overlap', 'schedule = "R3//PT1S", collision_policy = "RUN_OVERLAP"',
      'exec sleep 1000')
    when(cancel, 'a cancelled run', function(v, f)
      return v.cancelled >= 2 and f[1].state == 'ACTIVE'
    end)
    run.eventually(20, 'three runs side by side', function()
      local tasks = c:tasks(overlap)
      return tasks[0] and tasks[1] and tasks[2]
    end)
    assert.equal(3, count(history(overlap).firings, 'ACTIVE'))
    local view = when(kill, 'killed runs', function(_, f) return count(f, 'KILLED') >= 2 end)
    complete(view.firings, 2)
    assert.is_true(#c:pids('sleep 1000') >= 4)
    for _, key in ipairs { kill, cancel, overlap } do deschedule(key) end
    run.eventually(20, 'nothing is left', function() return #c:pids('sleep 1000') == 0 end)
  end)

  it('tries a run that failed again', function()
    run.write(c.dir .. '/tries', '')
    os.execute('chmod 666 ' .. c.dir .. '/tries')
    local key = create('flaky', 'schedule = "R1//PT1H", retries = 2',
      ('echo x >> %s/tries; [ $(wc -l < %s/tries) -ge 3 ]'):format(c.dir, c.dir))
    local view = when(key, 'a success', function(_, f)
      return f[1] and f[1].state == 'SUCCEEDED'
    end)
    assert.equal(3, view.firings[1].tries)
    assert.equal(2, view.retried)
    assert.matches('never again', c:must { 'cron', 'show', key }, 1, true)
    deschedule(key)
    local bad = create('bad', 'schedule = "R1//PT1H", retries = 1', 'false')
    view = when(bad, 'a failure', function(_, f) return f[1] and f[1].state == 'FAILED' end)
    assert.equal(2, view.firings[1].tries)
    assert.equal(1, view.errors_since_success)
    deschedule(bad)
  end)

  it('has its schedule changed by apply, and by nothing else', function()
    local key = create('changing', 'schedule = "0 0 1 1 *"')
    local other = file('changing', 'schedule = "R//PT1S"', 'echo other')
    local same = file('same', 'schedule = "0 0 1 1 *"')
    assert.equal(1, c:cli({ 'plan', other }).status)
    local plan = c:cli({ 'plan', other }).out
    assert.matches('update', plan, 1, true)
    assert.matches('cron.schedule', plan, 1, true)
    assert.matches('from the next run on', plan, 1, true)
    local diff = c:cli { 'diff', key, other }
    assert.equal(1, diff.status)
    assert.matches('next runs would be changed', diff.out, 1, true)
    c:must { 'apply', other }
    assert.equal(0, c:cli({ 'plan', other }).status)
    when(key, 'a run', function(v) return v.successes >= 1 end)
    assert.equal(0, c:cli({ 'diff', key, other }).status)
    for _, words in ipairs { { 'restart', key }, { 'scale', key, 2 }, { 'add', key, 1 } } do
      local result = c:cli(words)
      assert.not_equal(0, result.status)
      assert.matches('is a cron job', result.err, 1, true)
    end
    -- Not the schedule of another job, and not without one.
    local none = c:file('changing.lua', run.read(other):gsub('cron = Cron {[^}]*},', ''))
    local stuck = c:cli { 'apply', none }
    assert.not_equal(0, stuck.status)
    assert.matches('cron deschedule', stuck.err, 1, true)
    local group = c:file('group.lua', [[
local function job(name, cron) return Job { cluster = "devcluster", role = "www-data",
  environment = "test", name = name, cron = cron,
  task = SimpleTask { name = name, cmdline = "true" } } end
return { Group { name = "g", jobs = { job("x"), job("y", Cron { schedule = "@daily" }) } } }]])
    local grouped = c:cli { 'apply', group }
    assert.not_equal(0, grouped.status)
    assert.matches('is a cron job: no group may hold it', grouped.err, 1, true)
    deschedule(key)
    c:must { 'apply', same }
    deschedule(PREFIX .. 'same')
  end)

  it('is removed by apply --prune when its file has it no more', function()
    local path
    local function holds(...)
      local jobs = {}
      for _, name in ipairs { ... } do
        jobs[#jobs + 1] = ('Job { name = "%s", cluster = "devcluster", role = "www-data", '
          .. 'environment = "test", cron = Cron { schedule = "R//PT1S" }, task = SimpleTask {'
          .. ' name = "%s", cmdline = "true" } }'):format(name, name)
      end
      path = c:file('pruned.lua', 'return { ' .. table.concat(jobs, ', ') .. ' }')
    end
    holds('stays', 'goes')
    c:must { 'apply', path }
    when(PREFIX .. 'goes', 'a run', function(v) return v.successes >= 1 end)
    holds 'stays'
    assert.matches('nothing to do', c:must { 'plan', path })
    local plan = c:cli { 'plan', path, '--prune' }
    assert.equal(1, plan.status)
    assert.matches('remove  ' .. PREFIX .. 'goes', plan.out, 1, true)
    assert.not_matches('stays', plan.out:match 'remove[^\n]*', 1, true)
    assert.is_nil(history(PREFIX .. 'goes').descheduled or nil, 'a plan changes nothing')
    c:must { 'apply', path, '--prune', '--timeout', 20 }
    assert.equal(4, c:cli({ 'status', PREFIX .. 'goes' }).status)
    assert.is_nil(c:must({ 'cron', 'show' }):find(PREFIX .. 'goes', 1, true))
    assert.matches('nothing to do', c:must { 'plan', path, '--prune' })
    local runs = history(PREFIX .. 'stays').successes
    when(PREFIX .. 'stays', 'another run', function(v) return v.successes > runs end)
    deschedule(PREFIX .. 'stays')
  end)

  it('has one record for each time, through kill -9 of the scheduler', function()
    local keys = {
      create('none', 'schedule = "R//PT1S", epsilon = 1', 'true'),
      create('last', 'schedule = "R//PT1S", catch_up = "LAST"', 'true'),
      create('all', 'schedule = "R//PT1S", catch_up = "ALL", epsilon = 30', 'true'),
    }
    for _ = 1, 3 do
      local before = {}
      for i, key in ipairs(keys) do
        before[i] = when(key, 'a run', function(_, f)
          return #f > 0 and f[#f].state ~= 'WAITING'
        end).successes
      end
      crash()
      c:up()
      for i, key in ipairs(keys) do
        when(key, 'a run after it', function(v) return v.successes > before[i] end)
      end
    end
    for _, key in ipairs(keys) do
      c:must { 'cron', 'pause', key }
      local view = when(key, 'rest', function(_, f)
        for _, one in ipairs(f) do if not OVER[one.state] then return false end end
        return true
      end)
      complete(view.firings, 1)
      assert.equal(0, count(view.firings, 'FAILED'))
      deschedule(key)
    end
  end)

  it('starts jobs after each other', function()
    create('extract', 'schedule = "0 0 1 1 *"', ('[ -e %s/good ]'):format(c.dir))
    local after = 'after = "' .. PREFIX .. 'extract"'
    create('load', after)
    create('report', ('after = { "%sextract", "%sload" }'):format(PREFIX, PREFIX))
    local circle = c:cli { 'create', PREFIX .. 'extract',
      file('extract', 'after = "' .. PREFIX .. 'report"') }
    assert.not_equal(0, circle.status)
    assert.matches('a circle', circle.err, 1, true)
    c:must { 'cron', 'start', PREFIX .. 'extract' }
    when(PREFIX .. 'extract', 'a failure', function(v) return v.errors == 1 end)
    assert.matches('blocked +by www%-data/test/extract: its last run did not succeed',
      c:must { 'cron', 'show', PREFIX .. 'load' })
    assert.matches('FAILED', c:must { 'cron', 'graph' }, 1, true)
    run.write(c.dir .. '/good', '')
    crash()
    c:up()
    c:must { 'cron', 'start', PREFIX .. 'extract' }
    when(PREFIX .. 'report', 'a success', function(v) return v.successes == 1 end)
    assert.equal(1, history(PREFIX .. 'load').successes)
    local graph = c:must { 'cron', 'graph' }
    assert.matches('> www-data/test/load  SUCCEEDED', graph, 1, true)
    assert.matches('"www%-data/test/load" %-> "www%-data/test/report";',
      c:must { 'cron', 'graph', '--dot' })
    local json = c:must { 'cron', 'graph', '--json' }
    assert.equal('www-data/test/extract', json.jobs[1].job)
    assert.same({ 'www-data/test/extract', 'www-data/test/load' }, json.jobs[3].after)
    assert.equal('SUCCEEDED', json.jobs[3].last)
    local held = c:cli { 'cron', 'deschedule', PREFIX .. 'extract' }
    assert.not_equal(0, held.status)
    assert.matches('runs after it', held.err, 1, true)
    for _, name in ipairs { 'report', 'load', 'extract' } do deschedule(PREFIX .. name) end
  end)

  it('of the examples runs as it stands', function()
    c:must { 'apply', run.root .. '/configs/examples/cron/seconds.lua' }
    when(PREFIX .. 'report', 'a success', function(v) return v.successes >= 1 end)
    complete(history(PREFIX .. 'fetch').firings, 2)
    assert.matches('[after 2 jobs]', c:must { 'cron', 'graph' }, 1, true)
    for _, name in ipairs { 'report', 'clean', 'count', 'fetch' } do deschedule(PREFIX .. name) end
    c:must { 'check', run.root .. '/configs/examples/cron/clocks.lua' }
  end)
end)
