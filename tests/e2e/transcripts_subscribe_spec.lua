-- SUBSCRIBE, failover and TEARDOWN, against what a real Mesos 1.12 answered.
local mesos = require 'support.mesos'
local Pair = require 'support.pair'
local run = require 'support.run'

local any, same = mesos.any, mesos.same
local MULTI_ROLE = { { type = 'MULTI_ROLE' } }
local p

local function subscribe(info, more) return mesos.subscribe(p.master_port, info, more) end

local function call(kind, id, stream_id)
  return mesos.send(p.master_port, 'POST', '/api/v1/scheduler',
    { type = kind, framework_id = { value = id } }, { ['Mesos-Stream-Id'] = stream_id })
end

--- Subscribed: the stream and the framework's id.
local function subscribed(info, more)
  local stream = subscribe(info, more)
  assert.equal(200, stream.status)
  return stream, stream:event().subscribed.framework_id.value
end

--- End a stream and its framework.
local function finish(stream, id)
  assert.equal(202, call('TEARDOWN', id, stream.id).status)
  assert.is_nil(stream:event('OFFERS')) -- ends without an ERROR
  stream:close()
end

local function scalar(name, value, more)
  local resource = { name = name, type = 'SCALAR', scalar = { value = value } }
  for key, field in pairs(more) do resource[key] = field end
  return resource
end

--- The one offer of the agent as a framework of this kind sees it.
local function offer(id, more, role)
  local ports = { name = 'ports', type = 'RANGES',
    ranges = { range = { { begin = 31000, ['end'] = 31009 } } } }
  for key, field in pairs(more) do ports[key] = field end
  return { id = { value = any }, framework_id = { value = id }, agent_id = { value = any },
    hostname = 'localhost', allocation_info = role,
    url = { scheme = 'http', path = '/slave(1)',
      address = { hostname = 'localhost', ip = '127.0.0.1', port = p.agent_port } },
    attributes = { { name = 'path', type = 'TEXT', text = { value = '/a/b' } } },
    resources = { ports, scalar('cpus', 4.0, more), scalar('mem', 4096.0, more),
      scalar('disk', 1000.0, more) } }
end

describe('as recorded from Mesos,', function()
  setup(function()
    p = Pair.start('--hostname=localhost --attributes=path:/a/b',
      { master = '--hostname=localhost' })
    p:await_agent()
  end)
  teardown(function() p:stop() end)

  it('SUBSCRIBED and a HEARTBEAT come at once, with these fields', function()
    local stream = subscribe()
    same({ date = any, ['transfer-encoding'] = 'chunked', ['mesos-stream-id'] = any,
      ['content-type'] = 'application/json' }, stream.headers)
    assert.matches('^%x+%-%x+%-%x+%-%x+%-%x+$', stream.id)
    local event = stream:record()
    local master = p:ask('GET_FLAGS') and event.subscribed.master_info.id
    assert.truthy(stream.text:find('"heartbeat_interval_seconds":15.0', 1, true))
    same({ type = 'SUBSCRIBED', subscribed = { framework_id = { value = any },
      heartbeat_interval_seconds = 15.0,
      master_info = { id = master, ip = 16777343, port = p.master_port,
        pid = 'master@127.0.0.1:' .. p.master_port, hostname = 'localhost', version = '1.12.0',
        address = { hostname = 'localhost', ip = '127.0.0.1', port = p.master_port },
        capabilities = { { type = 'AGENT_UPDATE' } } } } }, event)
    local id = event.subscribed.framework_id.value
    assert.equal(master, id:sub(1, #master))
    assert.matches('^%-%d%d%d%d$', id:sub(#master + 1))
    assert.equal('{"type":"HEARTBEAT"}', (stream:record() and stream.text):match('%b{}'))
    finish(stream, id)
  end)

  it('each kind of framework sees resources in its own format', function()
    local dev = { role = 'dev' }
    for _, case in ipairs {
      { {}, { role = '*' } },
      { { roles = { 'dev' }, capabilities = MULTI_ROLE },
        { role = '*', allocation_info = dev }, dev },
      { { roles = { 'dev' }, capabilities = { { type = 'MULTI_ROLE' },
        { type = 'RESERVATION_REFINEMENT' } } }, { allocation_info = dev }, dev },
    } do
      local stream, id = subscribed(case[1])
      local event = stream:event()
      assert.truthy(stream.text:find('"value":4.0', 1, true), 'doubles show a fraction')
      same({ type = 'OFFERS', offers = { offers = { offer(id, case[2], case[3]) } } }, event)
      finish(stream, id)
    end
  end)

  it('of two roles one gets the whole agent', function()
    local stream, id = subscribed { roles = { 'dev', 'prod' }, capabilities = MULTI_ROLE }
    local event = stream:event()
    local role = event.offers.offers[1].allocation_info
    assert.truthy(role.role == 'dev' or role.role == 'prod') -- who had less before
    same({ offer(id, { role = '*', allocation_info = role }, role) }, event.offers.offers)
    finish(stream, id)
  end)

  it('a framework whose roles are all suppressed is offered nothing', function()
    local stream, id = subscribed({ roles = { 'dev' }, capabilities = MULTI_ROLE },
      { suppressed_roles = { 'dev' } })
    local other, other_id = subscribed() -- who gets everything
    assert.equal('OFFERS', other:event().type)
    finish(other, other_id)
    assert.equal(202, call('TEARDOWN', id, stream.id).status)
    assert.is_nil(stream:event()) -- not one OFFERS
  end)

  it('semantic refusals are an ERROR on a stream that ends', function()
    local function roles(list, more)
      local info = { roles = list, capabilities = MULTI_ROLE }
      for name, value in pairs(more or {}) do info[name] = value end
      return info
    end
    for _, row in ipairs {
      { { role = 'a b' }, "'FrameworkInfo.role' is not a valid role: Role component 'a b' is " ..
        'invalid because it contains backspace or whitespace' },
      { { role = '/x' }, "'FrameworkInfo.role' is not a valid role: " ..
        "Role '/x' cannot start with a slash" },
      { { role = '..' }, "'FrameworkInfo.role' is not a valid role: " ..
        "Role '..' cannot include '..' as a component" },
      { { roles = { 'dev' } }, "'FrameworkInfo.roles' must not be set when the framework is " ..
        'not MULTI_ROLE capable' },
      { roles({ 'dev' }, { role = 'x' }), "'FrameworkInfo.role' must not be set when the " ..
        'framework is MULTI_ROLE capable' },
      { { role = 'x', capabilities = MULTI_ROLE }, "'FrameworkInfo.role' must not be set when " ..
        'the framework is MULTI_ROLE capable' },
      { roles { 'dev', 'dev' }, "'FrameworkInfo.roles' contains duplicate items: { dev }" },
      { { failover_timeout = 1e12 }, 'The framework failover_timeout (1e+12) is invalid' },
      { roles { 'dev' }, 'Suppressed roles { other } are not contained in the set of roles',
        { suppressed_roles = { 'other' } } },
      { roles { 'dev' }, "Offer constraints specify `role_constraints` for a role 'other'not " ..
        'contained in the set of roles', { offer_constraints = { role_constraints = {
          other = { groups = { { attribute_constraints = { { selector = { attribute_name = 'x' },
            predicate = { text_equals = { value = 'y' } } } } } } } } } } },
      -- One for our own roles is refused as a whole: the capability comes later.
      { roles { 'dev' }, 'Offer constraints are not supported by this master',
        { offer_constraints = { role_constraints = {
          dev = { groups = { { attribute_constraints = { { selector = { attribute_name = 'x' },
            predicate = { text_equals = { value = 'y' } } } } } } } } } } },
    } do
      local stream = subscribe(row[1], row[3])
      assert.equal(200, stream.status)
      assert.is_string(stream.id)
      same({ type = 'ERROR', error = { message = row[2] } }, stream:record())
      assert.is_nil(stream:record())
      stream:close()
    end
  end)

  it('these oddities are taken without complaint', function()
    for _, info in ipairs {
      { failover_timeout = -1 }, { failover_timeout = '30' }, { id = { value = '' } },
      { user = '' }, { name = '' }, { user = 'no_such_user_x' },
      { capabilities = { { type = 'NO_SUCH_CAPABILITY' } } },
      { offer_filters = { nope = { min_allocatable_resources = {
        quantities = { { quantities = { cpus = { value = 1 } } } } } } } },
    } do
      local stream, id = subscribed(info)
      assert.equal('OFFERS', stream:event().type)
      finish(stream, id)
    end
    finish(subscribed { capabilities = MULTI_ROLE }) -- of no role: offered nothing
  end)

  it('the id must stand in both places, and may be one the master never saw', function()
    local info = { failover_timeout = 60 }
    local stream, id = subscribed(info)
    stream:close()
    info.id = { value = id }
    stream = subscribe(info)
    assert.equal(id, stream:event().subscribed.framework_id.value)
    assert.equal('OFFERS', stream:event().type)
    for _, wrong in ipairs {
      { nil, id }, { id, nil }, { 'other', id },
    } do
      local answer = mesos.send(p.master_port, 'POST', '/api/v1/scheduler', {
        type = 'SUBSCRIBE', framework_id = wrong[1] and { value = wrong[1] },
        subscribe = { framework_info = { user = 'root', name = 'rec',
          id = wrong[2] and { value = wrong[2] } } } })
      assert.same({ 400, "Failed to validate scheduler::Call: 'framework_id' differs from " ..
        "'subscribe.framework_info.id'" }, { answer.status, answer.body })
    end
    finish(stream, id)
    stream, id = subscribed { id = { value = 'made-up-id' } }
    assert.equal('made-up-id', id)
    finish(stream, id)
  end)

  it('the second stream wins, and only its id counts', function()
    local first, id = subscribed { failover_timeout = 60 }
    assert.equal('OFFERS', first:event().type)
    local second = subscribe { failover_timeout = 60, id = { value = id } }
    same({ type = 'ERROR', error = { message = 'Framework failed over' } }, first:event('OFFERS'))
    assert.is_nil(first:record())
    assert.equal(id, second:event().subscribed.framework_id.value)
    assert.equal('OFFERS', second:event().type)
    local mismatch = "The stream ID '%s' included in this request didn't match the stream ID " ..
      'currently associated with framework ID ' .. id
    for _, row in ipairs {
      { first.id, 400, mismatch:format(first.id) }, { second.id, 202, '' },
      { nil, 400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header" },
      { 'abc', 400, mismatch:format('abc') },
    } do
      local answer = call('REVIVE', id, row[1])
      assert.same({ row[2], row[3] }, { answer.status, answer.body })
    end
    second:close()
    run.eventually(5, 'disconnected', function()
      local answer = call('REVIVE', id, second.id)
      return answer.status == 403 and answer.body == 'Framework is not subscribed'
    end)
    finish(subscribed { id = { value = id } }, id)
  end)

  it('TEARDOWN ends the stream, and the id is burnt', function()
    local stream, id = subscribed { failover_timeout = 60 }
    finish(stream, id)
    local answer = call('REVIVE', id, stream.id)
    assert.same({ 400, 'Framework cannot be found' }, { answer.status, answer.body })
    stream = subscribe { id = { value = id } }
    assert.equal(200, stream.status)
    same({ type = 'ERROR', error = { message = 'Framework has been removed' } }, stream:record())
    assert.is_nil(stream:record())
  end)

  it('protobuf streams are framed alike', function()
    local text = '\16\1\26\13\10\11\10\4root\18\3rec' -- SUBSCRIBE of root's rec
    local stream = mesos.stream(p.master_port, '/api/v1/scheduler', text,
      { ['Content-Type'] = 'application/x-protobuf', Accept = 'application/x-protobuf' })
    assert.same({ 200, 'application/x-protobuf' },
      { stream.status, stream.headers['content-type'] })
    stream.is_protobuf = true
    local event = stream:record()
    assert.equal('\8\1\18', event:sub(1, 3)) -- type SUBSCRIBED, subscribed
    local id = event:match('%x+%-%x+%-%x+%-%x+%-%x+%-%d%d%d%d')
    assert.equal('\8\8', stream:record()) -- HEARTBEAT
    assert.equal('\8\2\26', stream:record():sub(1, 3)) -- OFFERS, offers
    local answer = mesos.send(p.master_port, 'POST', '/api/v1/scheduler',
      '\10' .. string.char(#id + 2) .. '\10' .. string.char(#id) .. id .. '\16\2',
      { ['Content-Type'] = 'application/x-protobuf', ['Mesos-Stream-Id'] = stream.id })
    assert.equal(202, answer.status, answer.body)
    assert.is_nil(stream:record())
  end)
end)
