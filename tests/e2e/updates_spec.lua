-- Updates of a service on a real cluster: a good version, a bad one, by hand,
-- and a scheduler that is killed in the middle.
local cjson = require 'cjson'
local cluster = require 'support.cluster'
local run = require 'support.run'

describe('an update', function()
  local KEY = 'devcluster/www-data/test/web'
  local c

  --- `command` on `count` instances; `update` are lines of its Update.
  local function file(command, count, update)
    return c:file('web.lua', ([[
return { Service { cluster = "devcluster", role = "www-data", environment = "test", name = "web",
  instances = %d, update = Update { %s },
  task = Task { processes = { Process { name = "p", cmdline = "%s", min_duration = 1 } },
    resources = Resources { cpu = 0.1, ram = 16*MB, disk = 1*MB } } } }
]]):format(count, update or 'watch_secs = 0', command))
  end

  local function info()
    return c:must({ 'update', 'info', KEY, '--json' }).updates[1]
  end

  local function until_state(wanted)
    run.eventually(60, wanted, function() return info().state == wanted end)
  end

  setup(function() c = cluster.start { agents = 1 } end)
  teardown(function() c:stop() end)

  it('creates a job, adds to it, takes away from it (case 116)', function()
    for _, count in ipairs { 3, 1, 3 } do
      local out = c:must { 'update', 'start', KEY, file('exec sleep 1001', count), '--wait',
        '--timeout', 40 }
      assert.matches('rolled forward', out, 1, true)
      run.eventually(20, count .. ' processes', function()
        return #c:pids('^sleep 1001') == count
      end)
    end
    local again = c:must { 'update', 'start', KEY, file('exec sleep 1001', 3) }
    assert.matches('nothing to do', again, 1, true)
  end)

  it('is paused, refuses other changes, is resumed (case 117)', function()
    local path = file('exec sleep 1002', 3, [[watch_secs = 0,
      update_strategy = BatchUpdateStrategy { batch_size = 1, autopause_after_batch = true }]])
    local started = c:must { 'update', 'start', KEY, path, '-m', 'try it', '--json' }
    assert.equal('ROLLING_FORWARD', started.updates[1].state)
    until_state 'ROLL_FORWARD_PAUSED'
    assert.equal('try it', info().events[1].message)
    for _, words in ipairs {
      { 'killall', KEY }, { 'restart', KEY }, { 'scale', KEY, 2 }, { 'add', KEY, 1 },
      { 'update', 'start', KEY, path }, { 'apply', path },
    } do
      local result = c:cli(words)
      assert.equal(4, result.status, table.concat(words, ' '))
      assert.matches(started.updates[1].update_id, result.err, 1, true)
    end
    assert.equal(1, #c:pids('^sleep 1002'))
    for _ = 1, 2 do
      c:must { 'update', 'resume', KEY }
      run.eventually(30, 'the next stop', function()
        local state = info().state
        return state == 'ROLL_FORWARD_PAUSED' or state == 'ROLLED_FORWARD'
      end)
    end
    c:must { 'update', 'wait', KEY, '--timeout', 30 }
    assert.equal(3, #c:pids('^sleep 1002'))
    assert.matches('ROLLED_FORWARD', c:must { 'update', 'list', KEY }, 1, true)
  end)

  it('of some instances leaves the others', function()
    c:must { 'update', 'start', KEY .. '/1', file('exec sleep 1003', 3), '--wait', '--timeout', 40 }
    run.eventually(20, 'one of three', function()
      return #c:pids('^sleep 1003') == 1 and #c:pids('^sleep 1002') == 2
    end)
    assert.matches('some instances run another version',
      c:cli({ 'plan', file('exec sleep 1002', 3) }).out, 1, true)
    c:must { 'apply', file('exec sleep 1002', 3), '--wait-until', 'RUNNING', '--timeout', 40 }
    assert.equal(3, #c:pids('^sleep 1002'))
  end)

  it('to a bad version is rolled back, though the scheduler is killed (case 118)', function()
    c:must { 'update', 'start', KEY, file('sleep 1; exit 3', 3, [[watch_secs = 3,
      batch_size = 2, max_per_shard_failures = 1]]) }
    run.eventually(30, 'some instances changed', function() return #c:pids('^sleep 1002') < 3 end)
    for _ = 1, 4 do
      for _, pid in ipairs(c:pids('perigee%-aurora')) do c.kill(pid) end
      run.eventually(10, 'its death', function() return #c:pids('perigee%-aurora') == 0 end)
      c:up()
    end
    local result = c:cli { 'update', 'wait', KEY, '--timeout', 90, timeout = 100 }
    assert.equal(4, result.status, result.out .. result.err)
    assert.matches('ROLLED_BACK', result.err, 1, true)
    run.eventually(20, 'the old version everywhere', function()
      return #c:pids('^sleep 1002') == 3
    end)
    local answer = cjson.decode(c:cli({ 'status', KEY, '--json' }).out)
    assert.is_nil(answer.configs)
    assert.matches('nothing to do', c:must { 'plan', file('exec sleep 1002', 3) }, 1, true)
  end)

  it('is aborted, and rolled back by hand', function()
    c:must { 'update', 'start', KEY, file('exec sleep 1004', 3, 'watch_secs = 600') }
    run.eventually(30, 'one changed', function() return #c:pids('^sleep 1004') == 1 end)
    c:must { 'update', 'abort', KEY, '-m', 'changed my mind' }
    assert.equal('ABORTED', info().state)
    assert.equal('changed my mind', info().message)
    assert.equal(4, c:cli({ 'update', 'pause', KEY }).status)
    local path = file('exec sleep 1005', 3, 'watch_secs = 1')
    c:must { 'update', 'start', KEY, path }
    run.eventually(30, 'one changed', function() return #c:pids('^sleep 1005') >= 1 end)
    c:must { 'update', 'rollback', KEY }
    until_state 'ROLLED_BACK'
    run.eventually(20, 'as before', function()
      return #c:pids('^sleep 1004') == 1 and #c:pids('^sleep 1002') == 2
    end)
  end)
end)
