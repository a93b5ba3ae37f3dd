-- Behaviour cases of Aurora's end-to-end tests, on a real cluster. Their numbers
-- are those of docs/aurora-cases.md.
local cluster = require 'support.cluster'
local run = require 'support.run'

describe('a cluster', function()
  local c

  -- An agent that is silent for two seconds is out of reach.
  setup(function()
    c = cluster.start { agents = 2, env = {
      PERIGEE_AGENT_PING_TIMEOUT = '1secs', PERIGEE_MAX_AGENT_PING_TIMEOUTS = '2' } }
  end)
  teardown(function() c:stop() end)

  it('case 123: an ephemeral daemon holds no task open; the final process runs', function()
    local stop = c.dir .. '/stop'
    local path = c:file('final.lua', ([[
return { Job { cluster = "devcluster", role = "www-data", environment = "test", name = "final",
  task = Task { resources = Resources { cpu = 0.1, ram = 16*MB, disk = 1*MB },
    processes = {
      Process { name = "main", cmdline = "touch mark; until test -e %s; do sleep 0.1; done" },
      Process { name = "beside", cmdline = "sleep 1", daemon = true, ephemeral = true,
        min_duration = 0 },
      Process { name = "last", cmdline = "rm mark; echo swept", final = true },
    } } } }
]]):format(stop))
    local key = 'devcluster/www-data/test/final'
    c:must { 'create', key, path, '--wait-until', 'RUNNING', '--timeout', 30 }
    run.write(stop, '')
    c:must { 'wait', key, '--for', 'FINISHED', '--timeout', 30 }
    assert.matches('swept', c:must { 'logs', key .. '/0', 'last' }, 1, true)
  end)

  it('case 119: what is out of reach is replaced, or waited for, as its policy says', function()
    local policies = {
      default = '', never = 'partition = { reschedule = false },',
      day = 'partition = { delay_secs = 86400 },',
    }
    local function key(name) return 'devcluster/www-data/test/' .. name end
    local function states(name)
      local out = {}
      for _, task in ipairs(c:must({ 'status', key(name), '--json' }).tasks) do
        out[#out + 1] = task.state
      end
      table.sort(out)
      return table.concat(out, ' ')
    end
    for name, policy in pairs(policies) do
      local path = c:file(name .. '.lua', ([[
return { Service { cluster = "devcluster", role = "www-data", environment = "test", name = "%s",
  constraints = { host = one_of("agent-0", "agent-1", "agent-2"), rack = one_of("r0") }, %s
  task = SimpleTask("%s", "exec sleep 3001") {
    resources = Resources { cpu = 0.1, ram = 16*MB, disk = 1*MB } } } }
]]):format(name, policy, name))
      c:must { 'create', key(name), path, '--wait-until', 'RUNNING', '--timeout', 30 }
    end
    local agents = {}
    for _, pid in ipairs(c:pids('perigee%-agent')) do agents[#agents + 1] = pid end
    for _, pid in ipairs(agents) do c.kill(pid, 'STOP') end
    run.eventually(40, 'the default one lost', function()
      return states 'default':find('LOST', 1, true) ~= nil
    end)
    assert.equal('PARTITIONED', states 'never')
    assert.equal('PARTITIONED', states 'day')
    assert.matches('PENDING', states 'default', 1, true)
    for _, pid in ipairs(agents) do c.kill(pid, 'CONT') end
    run.eventually(60, 'all of them back', function()
      return states 'never' == 'RUNNING' and states 'day' == 'RUNNING'
    end)
    run.eventually(60, 'the default one replaced', function()
      return states 'default':find('RUNNING', 1, true) ~= nil
    end)
    run.eventually(60, 'one process for each', function() return #c:pids('^sleep 3001') == 3 end)
  end)
end)
