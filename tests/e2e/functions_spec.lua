-- Functions of a job file decide where its tasks run, on a real cluster.
local cluster = require 'support.cluster'
local run = require 'support.run'

local function job(name, fields, before)
  return ([[
%s
return { Service { cluster = "devcluster", environment = "test", role = "www-data",
  name = "%s", instances = 2, %s,
  task = SimpleTask { name = "sleep", cmdline = "sleep 1000",
    resources = Resources { cpu = 0.1, ram = 8*MB, disk = 8*MB } } } }
]]):format(before or '', name, fields)
end

describe('functions over hosts', function()
  local c
  setup(function() c = cluster.start { agents = 2 } end)
  teardown(function() c:stop() end)

  -- The agent that each instance is on.
  local function agents_of(key)
    local agents = {}
    for instance, task in pairs(c:tasks(key)) do agents[instance] = task.agent_id end
    return agents
  end

  -- The attribute `host` of the machine that a task is on.
  local function host_of(task)
    for _, host in ipairs(run.http('GET', c.aurora .. '/api/v1/hosts').json.hosts) do
      for _, attribute in ipairs(host.attributes) do
        if host.agent_id == task.agent_id and attribute.name == 'host' then
          return attribute.value
        end
      end
    end
  end

  local function create(name, fields, before)
    local key = 'devcluster/www-data/test/' .. name
    c:must { 'create', key, c:file(name .. '.lua', job(name, fields, before)),
      '--wait-until', 'RUNNING', '--timeout', 20 }
    return key, agents_of(key)
  end

  it('place and rank choose the host', function()
    local key, first = create('ranked',
      'rank = function(h) local n = tonumber(h.id:match("%d+$")) return n * sign end',
      'local sign = param("sign", { type = "integer", default = 1 })')
    assert.equal(first[0], first[1])
    local other
    for _, agent in ipairs { 'S0', 'S1' } do
      if not first[0]:find(agent, 1, true) then other = agent end
    end
    c:must { 'killall', key, '--timeout', 20 }
    local key2, second = create('placed',
      ('place = function(h) return h.id:sub(-2) == "%s" end'):format(other))
    assert.matches(other, second[0], 1, true)
    assert.equal(second[0], second[1])
    c:must { 'killall', key2, '--timeout', 20 }
  end)

  it('what says no to every host waits, and says why', function()
    local key = 'devcluster/www-data/test/nowhere'
    c:must { 'create', key, c:file('nowhere.lua', job('nowhere', [[
      place = function(h)
        return h.attributes.missing.x
      end]])) }
    run.eventually(20, 'a reason', function()
      local why = c:must { 'why', key, '--json' }.why
      return why.reasons and why.reasons[1] and
        why.reasons[1].veto:find('place failed: nowhere.lua:%d+: attempt to index a nil value')
    end)
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('expressions are matched in a worker', function()
    local key = create('liked', 'constraints = { host = like(".+") }')
    c:must { 'killall', key, '--timeout', 20 }
    key = 'devcluster/www-data/test/unliked'
    c:must { 'create', key, c:file('unliked.lua',
      job('unliked', 'constraints = { host = unlike(".+") }')) }
    run.eventually(20, 'a reason', function()
      local why = c:must { 'why', key, '--json' }.why
      return why.reasons and why.reasons[1] and why.reasons[1].veto == 'constraint host'
    end)
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('a new expression moves only who must', function()
    local function file(constraint)
      return c:file('moved.lua', job('moved', ('update = Update { watch_secs = 0 }, '
        .. 'constraints = { host = %s }'):format(constraint)))
    end
    local key = 'devcluster/www-data/test/moved'
    c:must { 'create', key, file('max_per(1)'), '--wait-until', 'RUNNING', '--timeout', 20 }
    local before = c:tasks(key)
    assert.not_equal(before[0].agent_id, before[1].agent_id)
    -- All hosts suit.
    local all = file('like("agent-[0-9]")')
    assert.matches('leaves 0-1 running: nothing restarts', c:cli({ 'plan', all }).out, 1, true)
    c:must { 'apply', all, '--wait-until', 'RUNNING', '--timeout', 20 }
    assert.matches('nothing to do', c:must { 'plan', all }, 1, true)
    for instance, task in pairs(c:tasks(key)) do
      assert.equal(before[instance].task_id, task.task_id)
    end
    -- The one that instance 1 stands on does not.
    local other = file(('unlike("%s")'):format(host_of(before[1])))
    local plan = c:cli({ 'plan', other }).out
    assert.matches('moves 1: their hosts do not suit', plan, 1, true)
    assert.matches('leaves 0 running', plan, 1, true)
    c:must { 'apply', other, '--wait-until', 'RUNNING', '--timeout', 30 }
    local after = c:tasks(key)
    assert.equal(before[0].task_id, after[0].task_id)
    assert.equal(before[0].agent_id, after[1].agent_id)
    c:must { 'killall', key, '--timeout', 20 }
  end)
end)
