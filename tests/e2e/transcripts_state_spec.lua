-- What master and agent show of a cluster with one framework, one running and
-- two ended tasks, against what a real Mesos 1.12 showed.
local framework = require 'support.framework'
local mesos = require 'support.mesos'
local Pair = require 'support.pair'
local run = require 'support.run'

local any, same = mesos.any, mesos.same
local AGENT = { 'MULTI_ROLE', 'HIERARCHICAL_ROLE', 'RESERVATION_REFINEMENT' }
local LABELS = { labels = { { key = 'a', value = 'b' } } }
local DISCOVERY = { visibility = 'FRAMEWORK', name = 'run1' }
local INFO = { user = 'nobody', name = 'n/a "q" é€\1\ttab', roles = { 'dev' },
  principal = 'alice', failover_timeout = 100.5, checkpoint = true, hostname = 'fw.example',
  webui_url = 'http://x/y', capabilities = { { type = 'MULTI_ROLE' },
    { type = 'RESERVATION_REFINEMENT' }, { type = 'PARTITION_AWARE' } },
  labels = { labels = { { key = 'k', value = '</script>\u{2028}\u{1f600}' } } } }
local p, f, agent

local function copy(of, more)
  local all = {}
  for _, from in ipairs { of, more or {} } do
    for name, value in pairs(from) do all[name] = value end
  end
  return all
end

local function resource(name, value, more)
  local base = type(value) == 'number' and { type = 'SCALAR', scalar = { value = value } } or
    { type = 'RANGES', ranges = { range = { { begin = value[1], ['end'] = value[2] } } } }
  base.name = name
  return copy(base, more)
end

--- The agent's resources less some cpus and megabytes, in a format.
local function whole(cpus, mem, more)
  return { resource('ports', { 31000, 31009 }, more), resource('cpus', 4 - cpus, more),
    resource('mem', 4096 - mem, more), resource('disk', 1000, more) }
end

local function small(more) return { resource('cpus', 0.1, more), resource('mem', 32, more) } end

local ALLOCATED = { role = '*', allocation_info = { role = 'dev' } }
local REFINED = { allocation_info = { role = 'dev' } }
local ATTRIBUTES = { { name = 'rack', type = 'TEXT', text = { value = 'r1' } },
  { name = 'size', type = 'SCALAR', scalar = { value = 3.5 } },
  { name = 'rng', type = 'RANGES', ranges = { range = { { begin = 1, ['end'] = 3 } } } } }

local function sum(cpus, mem, disk, ports)
  return { cpus = cpus, mem = mem, disk = disk, gpus = 0, ports = ports }
end

--- A task of GET_TASKS; more: what this one has besides.
local function shown_task(id, states, more)
  local statuses = {}
  for i, step in ipairs(states) do
    statuses[i] = mesos.from_executor(id, step[1], step[2], agent)
  end
  return copy({ name = id, task_id = { value = id }, framework_id = f.id,
    agent_id = { value = agent }, state = states[#states][1], resources = small(REFINED),
    statuses = statuses, status_update_state = states[#states][1], status_update_uuid = any }, more)
end

--- The same in /state.
local function plain_task(id, states, more)
  local statuses = {}
  for i, step in ipairs(states) do
    local container = mesos.container_status()
    container.executor_pid = nil -- the v1 API's only
    statuses[i] = { state = step[1], timestamp = any, container_status = container }
  end
  return copy({ id = id, name = id, framework_id = f.id.value, executor_id = '',
    slave_id = agent, state = states[#states][1], resources = sum(0.1, 32, 0), role = 'dev',
    statuses = statuses }, more)
end

local STARTING, RUNNING = { 'TASK_STARTING' }, { 'TASK_RUNNING' }
local UP = { STARTING, RUNNING }
local FINE = { STARTING, RUNNING, { 'TASK_FINISHED', 'Command exited with status 0' } }
local BAD = { STARTING, RUNNING, { 'TASK_FAILED', 'Command exited with status 4' } }

describe('as recorded from Mesos,', function()
  setup(function()
    p = Pair.start('--hostname=localhost --attributes="rack:r1;size:3.5;rng:[1-3]"', {
      master = '--cluster=testcluster --hostname=localhost --allocation_interval=100ms' })
    f = p:framework(INFO)
    f:launch { framework.task('bad', 'exit 4') }
    f:ending('bad')
    f:launch { framework.task('fin', 'true') }
    f:ending('fin')
    f:launch { framework.task('run1', 'echo out; exec sleep 600',
      { labels = LABELS, discovery = DISCOVERY }) }
    f:reach('run1', 'TASK_RUNNING')
    agent = f.agent_id.value
    run.eventually(10, 'the rest offered', function()
      local offered = p:ask('GET_FRAMEWORKS').frameworks[1].offered_resources
      return offered and #offered == 4
    end)
  end)
  teardown(function() p:stop() end)

  it('GET_AGENTS', function()
    local capabilities = {}
    for i, name in ipairs(AGENT) do capabilities[i] = { type = name } end
    same({ recovered_agents = {}, agents = { { active = true, deactivated = false,
      version = '1.12.0', pid = 'slave(1)@127.0.0.1:' .. p.agent_port,
      registered_time = { nanoseconds = any }, capabilities = capabilities,
      total_resources = whole(0, 0, { role = '*' }), allocated_resources = small(ALLOCATED),
      offered_resources = whole(0.1, 32, ALLOCATED),
      agent_info = { hostname = 'localhost', port = p.agent_port, id = { value = agent },
        attributes = ATTRIBUTES, resources = whole(0, 0) } } } }, p:ask('GET_AGENTS'))
  end)

  it('GET_FRAMEWORKS', function()
    local answer = p:ask('GET_FRAMEWORKS')
    local offers = answer.frameworks[1].offers
    assert.truthy(#offers > 0)
    for _, offer in ipairs(offers) do
      same({ id = { value = any }, framework_id = f.id, agent_id = { value = agent },
        hostname = 'localhost', resources = any, attributes = ATTRIBUTES,
        allocation_info = { role = 'dev' }, url = { scheme = 'http', path = '/slave(1)',
          address = { hostname = 'localhost', ip = '127.0.0.1', port = p.agent_port } } }, offer)
    end
    same({ completed_frameworks = {}, frameworks = { { framework_info = copy(INFO, { id = f.id }),
      active = true, connected = true, recovered = false,
      registered_time = { nanoseconds = any }, reregistered_time = { nanoseconds = any },
      offers = any, allocated_resources = small(ALLOCATED),
      offered_resources = whole(0.1, 32, ALLOCATED), offer_constraints = {} } } }, answer)
  end)

  it('names are printed as they are, control characters escaped', function()
    local text = run.post(p.master .. '/api/v1', { type = 'GET_FRAMEWORKS' }).body
    local name = '"name":"n/a \\"q\\" é€\\u0001\\ttab"'
    assert.truthy(text:find(name, 1, true), text)
    assert.truthy(text:find('"value":"</script>\u{2028}\u{1f600}"', 1, true), text)
    assert.truthy(run.get(p.master .. '/state').body:find(name, 1, true))
  end)

  it('GET_TASKS', function()
    same({ tasks = { shown_task('run1', UP, { labels = LABELS, discovery = DISCOVERY }) },
      unreachable_tasks = {}, completed_tasks = { shown_task('bad', BAD),
        shown_task('fin', FINE) } }, p:ask('GET_TASKS'))
  end)

  it('GET_EXECUTORS knows no command executors, GET_STATE has all four', function()
    same({ executors = {} }, p:ask('GET_EXECUTORS'))
    same({ get_tasks = p:ask('GET_TASKS'), get_executors = p:ask('GET_EXECUTORS'),
      get_frameworks = p:ask('GET_FRAMEWORKS'), get_agents = p:ask('GET_AGENTS') },
      p:ask('GET_STATE'))
  end)

  it('GET_HEALTH, GET_VERSION, GET_FLAGS, /version, /health', function()
    same({ healthy = true }, p:ask('GET_HEALTH'))
    same({ version_info = { version = '1.12.0' } }, p:ask('GET_VERSION'))
    local flags = {}
    for _, flag in ipairs(p:ask('GET_FLAGS').flags) do flags[flag.name] = flag.value end
    assert.same({ '15secs', '5', '10mins', 'testcluster', '50' }, { flags.agent_ping_timeout,
      flags.max_agent_ping_timeouts, flags.agent_reregister_timeout, flags.cluster,
      flags.max_completed_frameworks })
    assert.same(flags, run.get(p.master .. '/state').json.flags)
    assert.equal('1.12.0', run.get(p.master .. '/version').json.version)
    assert.equal('1.12.0', run.get(p.agent .. '/version').json.version)
    for _, url in ipairs { p.master, p.agent } do
      local health = run.get(url .. '/health')
      assert.same({ 200, '' }, { health.status, health.body })
    end
  end)

  it('/state of the master', function()
    local state = run.get(p.master .. '/state')
    assert.truthy(state.body:find('"activated_slaves":1.0', 1, true), 'counts are doubles')
    assert.truthy(state.body:find('"gpus":0.0', 1, true))
    local info = INFO.labels.labels
    local pid = 'master@127.0.0.1:' .. p.master_port
    local id = state.json.id
    local offers = state.json.frameworks[1].offers
    for _, offer in ipairs(offers) do
      same({ id = any, framework_id = f.id.value, allocation_info = { role = 'dev' },
        slave_id = agent, resources = any }, offer)
    end
    same({ version = '1.12.0', start_time = any, elected_time = any, id = any, pid = pid,
      hostname = 'localhost', capabilities = { 'AGENT_UPDATE' }, activated_slaves = 1,
      deactivated_slaves = 0, unreachable_slaves = 0, leader = pid, cluster = 'testcluster',
      leader_info = { id = id, pid = pid, port = p.master_port, hostname = 'localhost' },
      flags = any, recovered_slaves = {}, completed_frameworks = {}, orphan_tasks = {},
      unregistered_frameworks = {},
      slaves = { { id = agent, hostname = 'localhost', port = p.agent_port,
        attributes = { rack = 'r1', size = 3.5, rng = '[1-3]' },
        pid = 'slave(1)@127.0.0.1:' .. p.agent_port, registered_time = any,
        resources = sum(4, 4096, 1000, '[31000-31009]'), used_resources = sum(0.1, 32, 0),
        offered_resources = sum(3.9, 4064, 1000, '[31000-31009]'), reserved_resources = {},
        unreserved_resources = sum(4, 4096, 1000, '[31000-31009]'), active = true,
        deactivated = false, version = '1.12.0', capabilities = AGENT } },
      frameworks = { { id = f.id.value, name = INFO.name, user = 'nobody', principal = 'alice',
        hostname = 'fw.example', webui_url = 'http://x/y', active = true, connected = true,
        recovered = false, failover_timeout = 100.5, checkpoint = true, registered_time = any,
        unregistered_time = 0, roles = { 'dev' }, labels = info, offer_constraints = {},
        capabilities = { 'MULTI_ROLE', 'RESERVATION_REFINEMENT', 'PARTITION_AWARE' },
        used_resources = sum(0.1, 32, 0),
        offered_resources = sum(3.9, 4064, 1000, '[31000-31009]'),
        resources = sum(4, 4096, 1000, '[31000-31009]'), offers = any, executors = {},
        tasks = { plain_task('run1', UP, { labels = LABELS.labels, discovery = DISCOVERY }) },
        unreachable_tasks = {},
        completed_tasks = { plain_task('bad', BAD), plain_task('fin', FINE) } } },
    }, state.json)
  end)

  it('/state, /containers and /monitor/statistics of the agent', function()
    local state = run.get(p.agent .. '/state').json
    local executor = state.frameworks[1].executors[1]
    same({ id = 'run1', source = 'run1', container = any, directory = any, role = 'dev',
      name = "Command Executor (Task: run1) (Command: sh -c 'echo out; ex...')",
      resources = sum(0.2, 64, 0), labels = LABELS.labels, queued_tasks = {},
      completed_tasks = {}, tasks = { plain_task('run1', UP,
        { labels = LABELS.labels, discovery = DISCOVERY }) } }, executor)
    local ended = state.frameworks[1].completed_executors[1]
    same({ id = any, source = ended.id, container = any, directory = any, role = 'dev',
      name = any, resources = sum(0.1, 32, 0), queued_tasks = {}, tasks = {},
      completed_tasks = any }, ended)
    assert.same({ 'localhost', agent, AGENT, sum(4, 4096, 1000, '[31000-31009]') },
      { state.hostname, state.id, state.capabilities, state.unreserved_resources })
    same(sum(0.2, 64, 0), state.unreserved_resources_allocated)
    local container = run.get(p.agent .. '/containers').json[1]
    local statistics = container.statistics
    assert.same({ 0.2, 64 << 20, 64 << 20 }, { statistics.cpus_soft_limit,
      statistics.mem_limit_bytes, statistics.mem_soft_limit_bytes })
    same({ container_id = executor.container, executor_id = 'run1', executor_name = executor.name,
      framework_id = f.id.value, source = 'run1', statistics = any,
      status = { container_id = { value = executor.container }, executor_pid = any } }, container)
    local figures = run.get(p.agent .. '/monitor/statistics').json[1]
    same({ executor_id = 'run1', executor_name = executor.name, framework_id = f.id.value,
      source = 'run1', statistics = any }, figures)
  end)
end)
