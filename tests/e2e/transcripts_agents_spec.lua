-- Agents and masters that die and come back, against what a real Mesos 1.12
-- told. Pings are faster than in the recordings.
local framework = require 'support.framework'
local mesos = require 'support.mesos'
local Pair = require 'support.pair'
local run = require 'support.run'

local any, same, from_master = mesos.any, mesos.same, mesos.from_master
local FAST = { master = '--hostname=localhost --allocation_interval=100ms ' ..
  '--agent_ping_timeout=300ms --max_agent_ping_timeouts=2' }
local p, f, agent

--- A running task r1 of a framework that can do everything.
local function open(info, options)
  p = Pair.start('--hostname=localhost --executor_reregistration_timeout=500ms', options or FAST)
  local all = { roles = { 'dev' }, principal = 'alice', checkpoint = true, failover_timeout = 60,
    capabilities = { { type = 'MULTI_ROLE' }, { type = 'RESERVATION_REFINEMENT' },
      { type = 'PARTITION_AWARE' }, { type = 'TASK_KILLING_STATE' } } }
  for name, value in pairs(info or {}) do all[name] = value end
  f = p:framework(all)
  f.info = all
  f:launch { framework.task('r1', 'exec sleep 600') }
  f:reach('r1', 'TASK_RUNNING')
  agent = f.agent_id.value
  while not next(f.offers) do f:await('OFFERS') end
end

--- The next event that is neither HEARTBEAT nor OFFERS, nor an update that was
--- acknowledged when the agent died and comes once more.
local function event(seconds)
  local one
  repeat one = f:next(seconds or 10)
  until not one or (one.type ~= 'HEARTBEAT' and one.type ~= 'OFFERS' and
    not (one.type == 'UPDATE' and one.update.status.uuid))
  return one
end

--- RESCINDs of what was offered, then the event behind them.
local function behind_rescinds()
  local one, count = event(), 0
  while one and one.type == 'RESCIND' do
    one, count = event(), count + 1
  end
  return one, count
end

local function reconcile(...)
  local tasks = {}
  for i, about in ipairs { ... } do
    tasks[i] = { task_id = { value = about[1] }, agent_id = about[2] and { value = about[2] } }
  end
  f:call('RECONCILE', { reconcile = { tasks = tasks } })
end

local function latest(id)
  local want = from_master(id, 'TASK_RUNNING', 'REASON_RECONCILIATION',
    'Reconciliation: Latest task state', agent)
  want.container_status = mesos.container_status()
  return want
end

describe('as recorded from Mesos,', function()
  after_each(function()
    if p then p:stop() end
    p, f = nil, nil
  end)

  it('a killed agent is disconnected, comes back, and its task was never away', function()
    open()
    p:kill(p.agent_pid, 'KILL')
    same({ type = 'RESCIND', rescind = { offer_id = { value = any } } }, event())
    local shown = p:ask('GET_AGENTS').agents[1]
    assert.same({ false, false, agent },
      { shown.active, shown.deactivated, shown.agent_info.id.value })
    assert.is_nil(shown.reregistered_time)
    assert.is_nil(shown.offered_resources)
    assert.equal(2, #shown.allocated_resources)
    p:start_agent()
    shown = p:await_agent()
    assert.same({ agent, true }, { shown.agent_info.id.value, shown.reregistered_time ~= nil })
    while not next(f.offers) do f:await('OFFERS') end
    reconcile { 'r1', agent }
    same(latest('r1'), event().update.status)
  end)

  it('without checkpointing its tasks are lost with the link', function()
    open { checkpoint = false }
    p:kill(p.agent_pid, 'KILL')
    same({ type = 'UPDATE', update = { status = from_master('r1', 'TASK_LOST',
      'REASON_AGENT_DISCONNECTED', 'Agent localhost disconnected', agent) } },
      (behind_rescinds()))
    p:start_agent()
    p:await_agent()
    reconcile { 'r1', agent }
    same(from_master('r1', 'TASK_GONE', 'REASON_RECONCILIATION',
      'Reconciliation: Task is unknown to the agent', agent), event().update.status)
  end)

  it('an agent that stays away is unreachable, and forgiven when it returns', function()
    open()
    p:kill(p.agent_pid, 'KILL')
    local lost, rescinds = behind_rescinds()
    assert.truthy(rescinds > 0)
    local want = from_master('r1', 'TASK_UNREACHABLE', 'REASON_AGENT_REMOVED',
      'health check timed out', agent)
    want.unreachable_time = { nanoseconds = any }
    same({ type = 'UPDATE', update = { status = want } }, lost)
    same({ type = 'FAILURE', failure = { agent_id = { value = agent } } }, event())
    same({ agents = {}, recovered_agents = {} }, p:ask('GET_AGENTS'))
    local tasks = p:ask('GET_TASKS')
    assert.same({ 0, 'TASK_UNREACHABLE', 0 },
      { #tasks.tasks, tasks.unreachable_tasks[1].state, #tasks.completed_tasks })
    reconcile { 'r1', agent }
    want = from_master('r1', 'TASK_UNREACHABLE', 'REASON_RECONCILIATION',
      'Reconciliation: Task is unreachable', agent)
    want.unreachable_time = { nanoseconds = any }
    same(want, event().update.status)
    p:start_agent()
    want = from_master('r1', 'TASK_RUNNING', 'REASON_AGENT_REREGISTERED',
      'Unreachable agent re-reregistered', agent)
    want.container_status = mesos.container_status()
    same(want, event().update.status)
  end)

  it('SIGUSR1 makes an agent leave for good', function()
    open()
    p:kill(p.agent_pid, 'USR1') -- waits for its end
    local lost, rescinds = event(), 0
    same({ type = 'UPDATE', update = { status = from_master('r1', 'TASK_LOST',
      'REASON_AGENT_REMOVED', 'Agent localhost removed: the agent unregistered', agent) } }, lost)
    local failure = event()
    while failure.type == 'RESCIND' do failure, rescinds = event(), rescinds + 1 end
    assert.truthy(rescinds > 0)
    same({ type = 'FAILURE', failure = { agent_id = { value = agent } } }, failure)
    same({ agents = {}, recovered_agents = {} }, p:ask('GET_AGENTS'))
    assert.equal('', p:processes()) -- the task is gone, too
    p:start_agent()
    local shown = p:await_agent()
    assert.not_equal(agent, shown.agent_info.id.value)
  end)

  it('a restarted master knows its frameworks and waits for its agents', function()
    open(nil, { master = '--hostname=localhost --allocation_interval=100ms' })
    os.execute('kill -STOP ' .. p.agent_pid) -- not back before we asked
    p:kill(p.master_pid, 'KILL')
    p:start_master()
    f.info.id = f.id
    p.fw = framework.open(p.master_port, f.info)
    f = p.fw
    reconcile({ 'r1', agent }, { 'unk', agent }, { 'unk2' }, { 'unk3', 'nope-S0' })
    -- Mesos is silent about unk2 until it is sure; so are we.
    same(from_master('unk3', 'TASK_UNKNOWN', 'REASON_RECONCILIATION',
      'Reconciliation: Task is unknown', 'nope-S0'), event().update.status)
    local agents = p:ask('GET_AGENTS')
    same({ agents = {}, recovered_agents = { { hostname = 'localhost', port = p.agent_port,
      id = { value = agent }, resources = any } } }, agents)
    local shown = p:ask('GET_FRAMEWORKS').frameworks[1]
    assert.same({ true, true, false, f.id.value }, { shown.active, shown.connected,
      shown.recovered, shown.framework_info.id.value })
    assert.is_nil(shown.offers)
    local state = run.get(p.master .. '/state').json
    same({ { id = agent, hostname = 'localhost', port = p.agent_port, attributes = {} } },
      state.recovered_slaves)
    assert.same({ 0, 0 }, { #state.slaves, state.activated_slaves })
    os.execute('kill -CONT ' .. p.agent_pid)
    p:await_agent()
    reconcile({ 'r1', agent }, { 'unk', agent }, { 'unk2' })
    same(latest('r1'), event().update.status)
    same(from_master('unk', 'TASK_GONE', 'REASON_RECONCILIATION',
      'Reconciliation: Task is unknown to the agent', agent), event().update.status)
    same(from_master('unk2', 'TASK_UNKNOWN', 'REASON_RECONCILIATION',
      'Reconciliation: Task is unknown'), event().update.status)
  end)

  it('an agent without --resources offers what it finds', function()
    p = Pair.start('', { resources = '' })
    local found = {}
    for _, one in ipairs(p:await_agent().total_resources) do
      found[one.name] = one.scalar and one.scalar.value or one.ranges.range
    end
    assert.equal(tonumber(Pair.sh('nproc')), found.cpus)
    local memory = tonumber(run.read('/proc/meminfo'):match('MemTotal:%s+(%d+)')) // 1024
    assert.truthy(found.mem >= memory // 2 and found.mem <= memory)
    assert.truthy(found.disk > 0)
    same({ { begin = 31000, ['end'] = 32000 } }, found.ports)
  end)
end)
