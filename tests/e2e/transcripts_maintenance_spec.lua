-- A maintenance window as its framework sees it, and as operators do, against
-- what a real Mesos 1.12 answered.
local framework = require 'support.framework'
local mesos = require 'support.mesos'
local Pair = require 'support.pair'

local any, same = mesos.any, mesos.same
local START, HOUR = 1900000000000000000, 3600000000000
local WHEN = { start = { nanoseconds = START }, duration = { nanoseconds = HOUR } }
local MACHINE = { hostname = 'localhost', ip = '127.0.0.1' }
local AWARE = { roles = { 'dev' }, capabilities = { { type = 'MULTI_ROLE' },
  { type = 'PARTITION_AWARE' } } }

describe('as recorded from Mesos,', function()
  local p

  local function schedule(windows)
    return mesos.send(p.master_port, 'POST', '/maintenance/schedule',
      windows and { windows = windows } or '{}')
  end

  setup(function() p = Pair.start('--hostname=localhost') end)
  teardown(function() p:stop() end)

  it('without a schedule there is nothing to tell', function()
    for path, body in pairs { ['/maintenance/schedule'] = '{}', ['/maintenance/status'] = '{}' } do
      local answer = mesos.send(p.master_port, 'GET', path)
      assert.same({ 200, 'application/json', body },
        { answer.status, answer.headers['content-type'], answer.body })
    end
    for kind, member in pairs { GET_MAINTENANCE_SCHEDULE = 'schedule',
      GET_MAINTENANCE_STATUS = 'status' } do
      local answer = mesos.send(p.master_port, 'POST', '/api/v1', { type = kind })
      assert.same({ 200, ('{"type":"%s","%s":{"%s":{}}}'):format(kind, kind:lower(), member) },
        { answer.status, answer.body })
    end
  end)

  it('offers say when, who uses something is asked, and it can be taken back', function()
    local f = p:framework(AWARE)
    f:launch { framework.task('t1', 'exec sleep 1000') }
    f:reach('t1', 'TASK_RUNNING')
    local agent = f.agent_id
    assert.same({ 200, '' }, (function(a) return { a.status, a.body } end)(
      schedule { { machine_ids = { MACHINE }, unavailability = WHEN } }))
    local offer = f:await('OFFERS', 20, function(event)
      return event.offers.offers[1].unavailability
    end).offers.offers[1]
    same(WHEN, offer.unavailability)
    local asked
    repeat asked = f:next(10) until asked.type ~= 'HEARTBEAT'
    same({ type = 'INVERSE_OFFERS', inverse_offers = { inverse_offers = { {
      id = { value = any }, agent_id = agent, framework_id = f.id, unavailability = WHEN,
      url = { scheme = 'http', path = '/slave(1)', address = { hostname = 'localhost',
        ip = '127.0.0.1', port = p.agent_port } } } } } }, asked)
    f:call('ACCEPT_INVERSE_OFFERS', { accept_inverse_offers = {
      inverse_offer_ids = { asked.inverse_offers.inverse_offers[1].id } } })
    f:call('DECLINE_INVERSE_OFFERS', { decline_inverse_offers = {
      inverse_offer_ids = { { value = 'nope' } }, filters = { refuse_seconds = 1 } } })
    same({ draining_machines = { { id = MACHINE, statuses = { { status = 'ACCEPT',
      framework_id = f.id, timestamp = { nanoseconds = any } } } } } },
      p:ask('GET_MAINTENANCE_STATUS').status)
    assert.equal(200, schedule().status)
    local event
    repeat event = f:next(10) until event.type ~= 'HEARTBEAT'
    same({ type = 'RESCIND', rescind = { offer_id = offer.id } }, event)
    assert.is_nil(f:await('OFFERS').offers.offers[1].unavailability)
    f:kill('t1')
    f:ending('t1')
  end)
end)
