-- Hosts out of use, on a real cluster whose scheduler is killed.
local cluster = require 'support.cluster'
local run = require 'support.run'

describe('maintenance', function()
  local KEY = 'devcluster/www-data/prod/web'
  local c, agents

  local function hosts()
    local by_id = {}
    for _, host in ipairs(c:must({ 'host', 'list', '--json' }).hosts) do
      by_id[host.agent_id] = host
    end
    return by_id
  end

  local function status(name)
    return c:must({ 'host', 'status', name, '--json' }).maintenance[1]
  end

  --- All instances RUNNING, on this agent.
  local function all_on(agent)
    run.eventually(40, 'everything on ' .. agent, function()
      local count = 0
      for _, task in ipairs(c:must({ 'status', KEY, '--json' }).tasks) do
        if task.state == 'RUNNING' then
          if task.agent_id ~= agent then return false end
          count = count + 1
        end
      end
      return count == 3
    end)
  end

  setup(function()
    c = cluster.start { agents = 2 }
    c:must { 'create', KEY, c:file('web.lua', [[
return { Service { cluster = "devcluster", role = "www-data", environment = "prod", name = "web",
  instances = 3,
  task = Task { processes = { Process { name = "p", cmdline = "exec sleep 3001" } },
    resources = Resources { cpu = 0.1, ram = 16*MB, disk = 1*MB } } } }
]]), '--wait-until', 'RUNNING', '--timeout', 60 }
    agents = {}
    for id in pairs(hosts()) do agents[#agents + 1] = id end
    table.sort(agents)
    assert.equal(2, #agents)
  end)
  teardown(function() c:stop() end)

  it('drains a host, runs a command behind it, and names hosts that nobody knows', function()
    local log = c.dir .. '/drained'
    local script = c:file('after.sh', '#!/bin/sh\necho "$1" >>' .. log .. '\n')
    os.execute('chmod 755 ' .. script)
    local result = c:cli { 'host', 'drain', agents[1], 'nobody', '--reason', 'new disks',
      '--script', script, '--timeout', 60, timeout = 70 }
    assert.equal(4, result.status, result.out .. result.err)
    assert.matches('no such host: nobody', result.err, 1, true)
    assert.matches('DRAINED', result.out, 1, true)
    assert.equal(agents[1] .. '\n', run.read(log))
    all_on(agents[2])
    assert.equal('DRAINED', status(agents[1]).mode)
    assert.equal('new disks', status(agents[1]).reason)
  end)

  it('is still in force after the scheduler died', function()
    for _, pid in ipairs(c:pids('perigee%-aurora')) do c.kill(pid) end
    run.eventually(10, 'its death', function() return #c:pids('perigee%-aurora') == 0 end)
    c:up()
    assert.equal('DRAINED', status(agents[1]).mode)
    c:must { 'restart', KEY, '--batch-size', 0, '--watch-secs', 0, '--timeout', 60 }
    all_on(agents[2])
  end)

  it('has nowhere to put what it drains, until it is given up', function()
    c:must { 'host', 'drain', '127.0.0.1', '--wait', '--timeout', 60 }
    assert.matches('host in maintenance', c:must { 'why', KEY }, 1, true)
    c:must { 'host', 'activate', '127.0.0.1', agents[1] }
    assert.equal('NONE', status('127.0.0.1').mode)
    run.eventually(40, 'three again', function() return #c:pids('^sleep 3001') == 3 end)
    assert.matches('no host is in maintenance', c:must { 'host', 'status' }, 1, true)
  end)

  it('takes names as people write them, each once', function()
    local file = c:file('two', agents[1] .. ', ' .. agents[2] .. ' # the rack\n')
    local both = agents[2] .. ',' .. agents[1]
    assert.equal(2, #c:must({ 'host', 'status', both, '--file', file, '--json' }).maintenance)
  end)

  it('takes deactivated hosts last', function()
    c:must { 'host', 'deactivate', '--file', c:file('hosts', '# both\n' .. agents[2] .. '\n') }
    c:must { 'restart', KEY, '--batch-size', 0, '--watch-secs', 0, '--timeout', 60 }
    assert.equal('SCHEDULED', hosts()[agents[2]].mode)
    c:must { 'host', 'activate', agents[2] }
  end)

  it('tells how long instances are up (case 73)', function()
    local out = c:must { 'sla', 'task-up-count', KEY, '--durations', '3m,2d6h,3h' }
    assert.matches('3 mins', out, 1, true)
    assert.matches('54 hrs', out, 1, true)
    assert.matches('3 hrs', out, 1, true)
    assert.matches('50 percentile\t%- %d+ seconds', c:must { 'sla', 'job-uptime', KEY })
    local refused = c:cli { 'sla', 'job-uptime', KEY, '--percentiles', '100' }
    assert.equal(6, refused.status)
    assert.matches('below 100', refused.err, 1, true)
  end)

  it('projects what jobs would be left with', function()
    local probe = c:must({ 'sla', 'probe', '127.0.0.1', '--json' }).probes[1]
    assert.equal(3, probe.jobs[1].here)
    assert.equal(0, probe.jobs[1].percentage_milli)
    assert.is_true(probe.safe) -- nobody promised anything to this job
    assert.matches('127.0.0.1', c:must { 'sla', 'safe-domain' }, 1, true)
  end)

  --- POST to the master; it must be taken.
  local function master(path, body)
    local answer = run.post(c.master .. path, body)
    assert(answer.status == 200, path .. ': ' .. tostring(answer.status) .. ' ' .. answer.body)
  end

  local function states(state)
    local count = 0
    for _, task in pairs(c:tasks(KEY)) do count = count + (task.state == state and 1 or 0) end
    return count
  end

  local function await_states(state)
    run.eventually(40, 'all ' .. state, function() return states(state) == 3 end)
  end

  local MACHINE = { hostname = '127.0.0.1', ip = '127.0.0.1' }
  local function window(seconds)
    return { windows = { { machine_ids = { MACHINE }, unavailability = {
      start = { nanoseconds = (os.time() + seconds) * 1000000000 },
      duration = { nanoseconds = 3600 * 1000000000 } } } } }
  end

  it('drains what the master announces, and uses it again (case 128)', function()
    await_states('RUNNING')
    master('/maintenance/schedule', window(367)) -- drained from 6 minutes before
    assert.equal(3, states('RUNNING'))
    run.eventually(10, 'the answer of the scheduler', function()
      local machines = run.get(c.master .. '/maintenance/status').json.draining_machines
      return machines[1].statuses and machines[1].statuses[1].status == 'ACCEPT'
    end)
    await_states('PENDING')
    assert.matches('host in maintenance', c:must { 'why', KEY }, 1, true)
    master('/maintenance/schedule', '{}')
    await_states('RUNNING')
  end)

  it('loses a machine that goes down, and has it again', function()
    master('/maintenance/schedule', window(86400))
    master('/machine/down', '[{"hostname":"127.0.0.1","ip":"127.0.0.1"}]')
    run.eventually(20, 'the end of both agents', function()
      return #c:pids('perigee%-agent') == 0
    end)
    await_states('PENDING')
    assert.equal(0, #c:pids('^sleep 3001'))
    local down = run.get(c.master .. '/maintenance/status').json.down_machines
    assert.same({ MACHINE }, down)
    master('/machine/up', '[{"hostname":"127.0.0.1","ip":"127.0.0.1"}]')
    c:up()
    await_states('RUNNING')
  end)

  it('refuses what it cannot do', function()
    for _, words in ipairs { { 'host', 'drain' }, { 'host', 'drain', 'x', '--duration', '1m' },
      { 'host', 'drain', 'x', '--percentage', '101' },
      { 'host', 'drain', 'x', '--force-after', 'soon' },
      { 'host', 'status', '--file', '/nonexistent' } } do
      assert.equal(6, c:cli(words).status, table.concat(words, ' '))
    end
  end)
end)
