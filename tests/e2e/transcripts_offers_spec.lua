-- Offers, ACCEPT, DECLINE, KILL and RECONCILE, against what a real Mesos 1.12
-- answered.
local framework = require 'support.framework'
local mesos = require 'support.mesos'
local Pair = require 'support.pair'

local same, from_master = mesos.same, mesos.from_master
local AWARE = { roles = { 'dev' }, capabilities = { { type = 'MULTI_ROLE' },
  { type = 'TASK_KILLING_STATE' }, { type = 'PARTITION_AWARE' } } }
local task = framework.task
local p, f, agent

--- A framework that holds an offer of the whole agent.
local function open(info)
  f = p:framework(info)
  f.offer = f:await('OFFERS').offers.offers[1]
  agent = f.offer.agent_id.value
  return f
end

local function accept(offers, tasks, filters)
  local ids = {}
  for i, id in ipairs(offers) do ids[i] = { value = id } end
  for _, one in ipairs(tasks) do one.agent_id = one.agent_id or { value = agent } end
  if #ids == 0 then ids = nil end -- an empty table would go out as an object
  f:call('ACCEPT', { accept = { offer_ids = ids, filters = filters, operations = #tasks > 0 and {
    { type = 'LAUNCH', launch = { task_infos = tasks } } } or nil } })
end

--- The next offer; its id. Nothing else but offers may come before it.
local function next_offer(seconds)
  local event = f:next(seconds or 10)
  while event and event.type == 'HEARTBEAT' do event = f:next(seconds or 10) end
  if not event then return nil end
  assert.equal('OFFERS', event.type)
  assert.equal(1, #event.offers.offers)
  return event.offers.offers[1].id.value
end

local function refused(id, state, message, reason)
  same(from_master(id, state, reason, message, agent), f:await('UPDATE').update.status)
end

local function answer_to(kind, fields)
  local body = { type = kind, framework_id = f.id }
  for name, value in pairs(fields or {}) do body[name] = value end
  local answer = mesos.send(p.master_port, 'POST', '/api/v1/scheduler', body,
    { ['Mesos-Stream-Id'] = f.stream })
  return { answer.status, answer.body }
end

local ACCEPTED = { 202, '' }

describe('as recorded from Mesos,', function()
  setup(function()
    p = Pair.start('--hostname=localhost', { master = '--allocation_interval=100ms' })
  end)
  teardown(function() p:stop() end)
  after_each(function()
    if f then f:close() end
    f, p.fw = nil, nil
  end)

  for _, kind in ipairs { { 'plain', {}, 'TASK_LOST' },
    { 'partition-aware', AWARE, 'TASK_DROPPED' } } do
    it('tasks on bad offers of a ' .. kind[1] .. ' framework are ' .. kind[3], function()
      open(kind[2])
      local function invalid(id, why)
        refused(id, kind[3], 'Task launched with invalid offers: ' .. why,
          'REASON_INVALID_OFFERS')
      end
      local first = f.offer.id.value
      accept({ 'nope-O0' }, { task('inv', 'true') })
      invalid('inv', 'Offer nope-O0 is no longer valid')
      accept({ first, 'nope-O1' }, { task('inv2', 'true') }, { refuse_seconds = 0 })
      invalid('inv2', 'Offer nope-O1 is no longer valid')
      local second = next_offer() -- what was valid came back
      accept({ second, second }, { task('inv3', 'true') }, { refuse_seconds = 0 })
      invalid('inv3', 'Duplicate offer ' .. second .. ' in offer list')
      local third = next_offer()
      accept({ third }, {})
      accept({ third }, { task('inv4', 'true') })
      invalid('inv4', 'Offer ' .. third .. ' is no longer valid')
      accept({}, { task('inv5', 'true') })
      invalid('inv5', 'No offers specified')
    end)
  end

  it('invalid tasks are TASK_ERROR, each for itself', function()
    open(AWARE)
    local small = { { name = 'cpus', type = 'SCALAR', scalar = { value = 0.1 } },
      { name = 'mem', type = 'SCALAR', scalar = { value = 32 } } }
    local function cpus(value)
      return { { name = 'cpus', type = 'SCALAR', scalar = { value = value } }, small[2] }
    end
    local custom = { type = 'CUSTOM', executor_id = { value = 'e' }, resources = cpus(100),
      command = { value = 'true' } }
    local default = { type = 'DEFAULT', executor_id = { value = 'd' },
      command = { value = 'true' } }
    local more_than = '; mem(allocated: dev):%d required by task and its executor is more than ' ..
      'available cpus(allocated: dev):4; mem(allocated: dev):4096; disk(allocated: dev):1000; ' ..
      'ports(allocated: dev):[31000-31009]'
    local one_of = 'Task should have at least one (but not both) of CommandInfo or ' ..
      'ExecutorInfo present'
    local nothing = task('res', 'true')
    nothing.resources = nil
    for _, row in ipairs {
      { task('a/b', 'true'), "'a/b' contains invalid characters" },
      { task('both', 'true', { executor = custom }), one_of },
      { task('none', nil), one_of },
      { task('neg', 'true', { resources = cpus(-1) }),
        "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0" },
      { nothing, 'Task uses no resources' },
      { task('default', nil, { executor = default }),
        "'ExecutorInfo.command' must not be set for 'DEFAULT' executor" },
      { task('grace', 'true', { kill_policy = { grace_period = { nanoseconds = -1 } } }),
        "Task's 'kill_policy.grace_period' must be non-negative" },
      { task('big', 'true', { resources = cpus(100) }),
        'Total resources cpus(allocated: dev):100' .. more_than:format(32) },
      { task('ex', nil, { executor = custom }),
        'Total resources cpus(allocated: dev):100.1' .. more_than:format(64) },
      { task('wrong', 'true', { agent_id = { value = 'x-S9' } }),
        'Task uses invalid agent x-S9 while agent ' .. agent .. ' is expected', 'x-S9' },
    } do
      accept({ f.offer.id.value }, { row[1] }, { refuse_seconds = 0 })
      same(from_master(row[1].task_id.value, 'TASK_ERROR', 'REASON_TASK_INVALID', row[2],
        row[3] or agent), f:await('UPDATE').update.status)
      f.offer.id.value = next_offer()
    end
  end)

  it('of two equal ids in one LAUNCH the first runs', function()
    open(AWARE)
    accept({ f.offer.id.value }, { task('dup', 'sleep 30'), task('dup', 'sleep 30') })
    refused('dup', 'TASK_ERROR', 'Task has duplicate ID: dup', 'REASON_TASK_INVALID')
    assert.equal('TASK_RUNNING', f:reach('dup', 'TASK_RUNNING').state)
  end)

  it('a filter lasts as long as DECLINE says', function()
    open()
    local socket = require 'socket'
    local function decline(id, filters)
      f:call('DECLINE', { decline = { offer_ids = { { value = id } }, filters = filters } })
    end
    local begun = socket.gettime()
    decline(f.offer.id.value, { refuse_seconds = 0.6 })
    local id = next_offer()
    assert.truthy(socket.gettime() - begun >= 0.6)
    decline(id, { refuse_seconds = 0 })
    id = next_offer(3)
    accept({ id }, {}, { refuse_seconds = 0 }) -- no operations: like DECLINE
    id = next_offer(3)
    decline('nope', { refuse_seconds = 1 })
    assert.same(ACCEPTED, answer_to('DECLINE', { decline = { filters = { refuse_seconds = 1 } } }))
    decline(id, { refuse_seconds = 31536000 })
    assert.is_nil(next_offer(0.5))
    f:call('REVIVE')
    assert.is_string(next_offer(3))
  end)

  it('KILL, RECONCILE, ACKNOWLEDGE, MESSAGE and SHUTDOWN of what is not there', function()
    open()
    accept({ f.offer.id.value }, { task('t1', 'sleep 100') }, { refuse_seconds = 600 })
    f:reach('t1', 'TASK_RUNNING')
    local function unknown(id, where, to)
      same(from_master(id, 'TASK_LOST', 'REASON_RECONCILIATION',
        'Reconciliation: Task is unknown' .. (to or ''), where), f:await('UPDATE').update.status)
    end
    local function running()
      local want = from_master('t1', 'TASK_RUNNING', 'REASON_RECONCILIATION',
        'Reconciliation: Latest task state', agent)
      want.container_status = mesos.container_status()
      same(want, f:await('UPDATE').update.status)
    end
    local function kill(id, where)
      f:call('KILL', { kill = { task_id = { value = id },
        agent_id = where and { value = where } } })
    end
    local function about(id, where)
      return { task_id = { value = id }, agent_id = where and { value = where } }
    end
    kill('nope')
    unknown('nope')
    kill('nope', agent)
    unknown('nope', agent, ' to the agent')
    kill('nope', 'x-S9')
    unknown('nope', 'x-S9')
    kill('t1', 'x-S9') -- nothing: the next answer is another's
    f:call('RECONCILE', { reconcile = { tasks = { about('t1', agent) } } })
    running()
    f:call('RECONCILE', { reconcile = { tasks = {
      about('t1'), about('u1'), about('u2', agent), about('u3', 'x-S9') } } })
    running()
    unknown('u1')
    unknown('u2', agent, ' to the agent')
    unknown('u3', 'x-S9')
    f:call('RECONCILE', { reconcile = { tasks = nil, ['_'] = 1 } }) -- implicit
    running()
    local invalid = 'Failed to validate scheduler::Call: '
    local convert = 'Failed to convert JSON into Call protobuf: '
    local function acknowledge(uuid)
      return answer_to('ACKNOWLEDGE', { acknowledge = { agent_id = { value = agent },
        task_id = { value = 't1' }, uuid = uuid } })
    end
    assert.same({ 400, invalid .. 'Not a valid UUID' }, acknowledge 'AAAA')
    assert.same({ 400, convert .. "Failed to base64 decode bytes field 'uuid': " ..
      "Invalid character '!'" }, acknowledge '!!')
    assert.same(ACCEPTED, acknowledge 'AAAAAAAAQACAAAAAAAAAAA==')
    assert.same({ 400, convert .. 'Missing required fields: acknowledge.uuid' }, acknowledge())
    for _, kind in ipairs { 'RECONCILE', 'KILL', 'ACCEPT' } do
      assert.same({ 400, invalid .. "Expecting '" .. kind:lower() .. "' to be present" },
        answer_to(kind))
    end
    for _, where in ipairs { { agent, 't1' }, { agent, 'nope' }, { 'x', 'nope' } } do
      local one = { agent_id = { value = where[1] }, executor_id = { value = where[2] },
        data = 'aGVsbG8=' }
      assert.same(ACCEPTED, answer_to('MESSAGE', { message = one }))
    end
    for _, operation in ipairs { { type = 'LAUNCH' }, { ['_'] = 1 } } do
      assert.same(ACCEPTED, answer_to('ACCEPT', { accept = { operations = { operation } } }))
    end
    for _, executor in ipairs { 'nope', 't1' } do
      assert.same(ACCEPTED, answer_to('SHUTDOWN', { shutdown = { agent_id = { value = agent },
        executor_id = { value = executor } } }))
    end
    -- Of a command executor: no FAILURE, just the end of its task.
    local event
    repeat event = f:next(10) until event.type ~= 'HEARTBEAT'
    assert.equal('UPDATE', event.type)
    same(mesos.from_executor('t1', 'TASK_KILLED', 'Command terminated with signal Terminated',
      agent), event.update.status)
    f:call('ACKNOWLEDGE', { acknowledge = { agent_id = { value = agent },
      task_id = { value = 't1' }, uuid = event.update.status.uuid } })
  end)
end)

describe('as recorded from Mesos,', function()
  it('an unanswered offer is rescinded and made again', function()
    local pair = Pair.start('', { master = '--offer_timeout=500ms' })
    local stream = mesos.subscribe(pair.master_port)
    local id = stream:event().subscribed.framework_id
    for _ = 1, 2 do
      local offer = stream:event().offers.offers[1]
      same({ type = 'RESCIND', rescind = { offer_id = offer.id } }, stream:event())
    end
    mesos.send(pair.master_port, 'POST', '/api/v1/scheduler',
      { type = 'TEARDOWN', framework_id = id }, { ['Mesos-Stream-Id'] = stream.id })
    pair:stop()
  end)
end)
