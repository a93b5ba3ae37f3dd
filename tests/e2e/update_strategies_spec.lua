-- Updates that start new instances first, that judge a canary, and that ask
-- before they end a task: on a real cluster, with a scheduler that is killed.
local cluster = require 'support.cluster'
local run = require 'support.run'

describe('an update', function()
  local KEY = 'devcluster/www-data/prod/web'
  local c, coordinator

  --- `command` on `count` instances; `update` are lines of its Update, `more` of its Service.
  local function file(command, count, update, more)
    return c:file('web.lua', ([[
return { Service { cluster = "devcluster", role = "www-data", environment = "prod", name = "web",
  production = true, instances = %d, update = Update { %s }, %s
  task = Task { processes = { Process { name = "p", cmdline = "%s", min_duration = 1 } },
    resources = Resources { cpu = 0.1, ram = 16*MB, disk = 1*MB } } } }
]]):format(count, update or 'watch_secs = 0', more or '', command))
  end

  local function info()
    return c:must({ 'update', 'info', KEY, '--json' }).updates[1]
  end

  local function running(command, count)
    run.eventually(40, count .. ' of ' .. command, function()
      return #c:pids('^' .. command) == count
    end)
  end

  local function kill_the_scheduler()
    for _, pid in ipairs(c:pids('perigee%-aurora')) do c.kill(pid) end
    run.eventually(10, 'its death', function() return #c:pids('perigee%-aurora') == 0 end)
    c:up()
  end

  setup(function() c = cluster.start { agents = 1 } end)
  teardown(function()
    if coordinator then c.kill(coordinator) end
    c:stop()
  end)

  it('surges: all new ones run before an old one goes', function()
    c:must { 'update', 'start', KEY, file('exec sleep 2001', 3), '--wait', '--timeout', 60 }
    c:must { 'update', 'start', KEY, file('exec sleep 2002', 3,
      'watch_secs = 3, strategy = Surge {}') }
    running('sleep 2002', 3)
    assert.equal(3, #c:pids('^sleep 2001'))
    local changes = info().changes
    assert.is_true(changes[1].doubled)
    assert.matches('old and new', c:must { 'update', 'info', KEY }, 1, true)
    assert.equal(6, #c:must({ 'status', KEY, '--json' }).tasks)
    c:must { 'update', 'wait', KEY, '--timeout', 60 }
    running('sleep 2001', 0)
    assert.equal(3, #c:pids('^sleep 2002'))
  end)

  it('surges to a bad version: the old processes just stay, though the scheduler dies', function()
    local before = c:pids('^sleep 2002')
    c:must { 'update', 'start', KEY, file('sleep 1; exit 3', 3, [[watch_secs = 10,
      max_per_shard_failures = 1, strategy = Surge { maximum_over_capacity = 0.4 }]]) }
    kill_the_scheduler()
    kill_the_scheduler()
    local result = c:cli { 'update', 'wait', KEY, '--timeout', 90, timeout = 100 }
    assert.equal(4, result.status, result.out .. result.err)
    assert.matches('ROLLED_BACK', result.err, 1, true)
    assert.same(before, c:pids('^sleep 2002'))
    assert.is_nil(c:must({ 'status', KEY, '--json' }).configs)
  end)

  it('judges a canary: a good one leads on, though the scheduler dies', function()
    c:must { 'update', 'start', KEY, file('exec sleep 2003', 3, [[watch_secs = 0, batch_size = 3,
      canary = Canary { instances = 1, watch_secs = 4 }]]) }
    running('sleep 2003', 1)
    assert.equal(1, info().canary)
    assert.matches('canary', c:must { 'update', 'info', KEY }, 1, true)
    kill_the_scheduler()
    assert.equal(2, #c:pids('^sleep 2002'))
    c:must { 'update', 'wait', KEY, '--timeout', 60 }
    running('sleep 2003', 3)
    assert.matches('the canary is good: 1 of 1 instances ran for 4 s, 0 failed: going on',
      c:must { 'update', 'info', KEY }, 1, true)
  end)

  it('judges a canary: a bad one leads back', function()
    local before = c:pids('^sleep 2003')
    c:must { 'update', 'start', KEY, file('sleep 2; exit 1', 3, [[watch_secs = 0, batch_size = 3,
      canary = Canary { instances = 1, watch_secs = 60 }]]) }
    local result = c:cli { 'update', 'wait', KEY, '--timeout', 60, timeout = 80 }
    assert.equal(4, result.status, result.out .. result.err)
    running('sleep 2003', 3)
    assert.matches('the canary is bad: 1 of 1 instances failed: 0 may',
      c:must { 'update', 'info', KEY }, 1, true)
    local stayed = 0
    for _, pid in ipairs(c:pids('^sleep 2003')) do
      for _, old in ipairs(before) do stayed = stayed + (pid == old and 1 or 0) end
    end
    assert.equal(2, stayed)
  end)

  it('asks a coordinator before it ends a task (case 108)', function()
    local port = run.free_base(1)
    local start = io.popen(('lua5.4 %s/tests/support/coordinator.lua %d %s '
      .. '>/dev/null 2>&1 & echo $!')
      :format(run.root, port, c.dir))
    coordinator = tonumber(start:read('l'))
    start:close()
    local policy = ('sla_policy = CoordinatorSlaPolicy { coordinator_url = '
      .. '"http://localhost:%d/ask?a=b", status_key = "go" },'):format(port)
    local path = file('exec sleep 2004', 1, 'watch_secs = 0, sla_aware = true', policy)
    c:must { 'scale', KEY, 1 }
    running('sleep 2003', 1)

    local function asked()
      local ok, text = pcall(run.read, c.dir .. '/calls')
      return ok and text and select(2, text:gsub('\n/ask', '\n/ask')) + 1 or 0
    end
    for i, no in ipairs { '200 {"go": false}', '500 {"go": true}', '200 {"drain": true}' } do
      c:file('answer', no)
      c:must { 'update', 'start', KEY, path }
      run.eventually(20, 'a refusal', function()
        return asked() == i and info().changes[1].wait == 'COORDINATOR'
      end)
      assert.equal(1, #c:pids('^sleep 2003'))
      assert.matches('its coordinator', c:must { 'update', 'info', KEY }, 1, true)
      c:must { 'update', 'abort', KEY }
    end
    c:file('answer', '200 {"go": true}')
    c:must { 'update', 'start', KEY, path, '--wait', '--timeout', 40 }
    assert.equal(1, #c:pids('^sleep 2004'))
    local calls = run.read(c.dir .. '/calls')
    assert.matches('/ask?a=b&task=devcluster%2Fwww-data%2Fprod%2Fweb%2F0\n', calls, 1, true)
    assert.matches('{"task":"devcluster/www-data/prod/web/0",', calls, 1, true)
    assert.matches('"taskConfig":{"cluster":"devcluster"', calls, 1, true)
  end)
end)
