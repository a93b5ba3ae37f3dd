-- The scheduler's own API, through real sockets: typed calls, refusals, pages,
-- Idempotency-Key, and the event stream with its replay.
local cjson = require 'cjson'
local cluster = require 'support.cluster'
local http = require 'socket.http'
local ltn12 = require 'ltn12'
local run = require 'support.run'

describe('the aurora API', function()
  local c
  setup(function() c = cluster.start { agents = 1 } end)
  teardown(function() c:stop() end)

  -- Everything that was said, as lines for support/validate.py.
  local said = {}

  local function note(name, text) said[#said + 1] = name .. '\t' .. text:gsub('%s+$', '') end

  local function note_exchange(method, path, body, status, text)
    local asked, call = pcall(cjson.decode, body or '')
    local known = method == 'POST' and asked and type(call) == 'table' and call.type
    if path:sub(1, 7) ~= '/api/v1' or path:match('^/api/v1/schema') or status == 304 then return end
    if status >= 400 then
      note('refusal', text)
    elseif known then
      note('call.' .. call.type, body)
      note('answer.' .. call.type, text)
    else
      note('perigee.aurora.Answer', text)
    end
  end

  local function ask(method, path, body, headers)
    local out, all = {}, { ['Content-Type'] = 'application/json' }
    for name, value in pairs(headers or {}) do all[name] = value end
    if body then all['Content-Length'] = #body end
    local _, status, got = http.request {
      url = c.aurora .. path, method = method, headers = all,
      source = body and ltn12.source.string(body), sink = ltn12.sink.table(out),
    }
    local text = table.concat(out)
    local ok, answer = pcall(cjson.decode, text)
    if ok and method ~= 'HEAD' then note_exchange(method, path, body, status, text) end
    return status, ok and answer or text, got
  end

  local function call(message, headers)
    return ask('POST', '/api/v1', cjson.encode(message), headers)
  end

  local function key(name)
    return { cluster = 'devcluster', role = 'www-data', environment = 'test', name = name }
  end

  local function job(name, cmdline, more)
    local all = key(name)
    all.service = true
    all.task = {
      name = name, processes = { { name = name, cmdline = cmdline } },
      resources = { cpu_milli = 50, ram_bytes = 32 << 20, disk_bytes = 8 << 20 },
    }
    for field, value in pairs(more or {}) do all[field] = value end
    return all
  end

  local function create(name, cmdline, more, headers)
    return call({ type = 'CREATE_JOB', create_job = { job = job(name, cmdline, more) } }, headers)
  end

  local function running(name, count)
    return run.eventually(20, name .. ' RUNNING', function()
      local _, answer = ask('GET', '/api/v1/jobs/www-data/test/' .. name)
      local n = 0
      for _, task in ipairs(answer.tasks or {}) do
        if task.state == 'RUNNING' then n = n + 1 end
      end
      return n == count and answer
    end)
  end

  -- Records of a stream: events until `stop` says so.
  local function follow(subscribe, stop)
    local events, held = {}, ''
    local body = cjson.encode { type = 'SUBSCRIBE', subscribe = subscribe }
    local _, status = http.request {
      url = c.aurora .. '/api/v1', method = 'POST', source = ltn12.source.string(body),
      headers = { ['Content-Type'] = 'application/json', ['Content-Length'] = #body },
      sink = function(chunk)
        held = held .. (chunk or '')
        while true do
          local size, from = held:match('^(%d+)\n()')
          if not size or #held < from + size - 1 then return 1 end
          local event = cjson.decode(held:sub(from, from + size - 1))
          note('event', held:sub(from, from + size - 1))
          held = held:sub(from + size)
          events[#events + 1] = event
          if stop(event) then return nil, 'enough' end
        end
      end,
    }
    return events, status
  end

  it('creates from JSON, runs, and tells every step in order', function()
    local status, answer = create('steps', 'sleep 1000')
    assert.equal(200, status)
    running('steps', 1)
    local states, last = {}, answer.sequence - 1
    local events = follow({ from_sequence = answer.sequence, key = key('steps') },
      function(event) return event.task and event.task.state == 'RUNNING' end)
    assert.equal('SUBSCRIBED', events[1].type)
    assert.equal('JOB_CREATED', events[2].type)
    for i = 2, #events do
      assert.is_true(events[i].sequence > last)
      last = events[i].sequence
      if events[i].task then states[#states + 1] = events[i].task.state end
    end
    assert.same({ 'PENDING', 'ASSIGNED', 'STARTING', 'RUNNING' }, states)
  end)

  it('replays what it has and says 410 for what it has not', function()
    local _, answer = create('replay', 'sleep 1000')
    running('replay', 1)
    for _, pid in ipairs(c:pids('perigee%-aurora')) do c.kill(pid) end
    c:up()
    local status, refused = call { type = 'SUBSCRIBE',
      subscribe = { from_sequence = answer.sequence } }
    assert.equal(410, status)
    assert.equal('GONE', refused.error.code)
    assert.is_true(refused.error.first_sequence > answer.sequence)
    running('replay', 1)
  end)

  it('makes a change once per Idempotency-Key, over a kill -9 too', function()
    local headers = { ['Idempotency-Key'] = 'once' }
    local status, first = create('once', 'sleep 1000', nil, headers)
    assert.equal(200, status)
    for _, pid in ipairs(c:pids('perigee%-aurora')) do c.kill(pid) end
    c:up()
    local again, second = create('once', 'sleep 1000', nil, headers)
    assert.equal(200, again)
    assert.equal(first.sequence, second.sequence)
    assert.equal(409, (create('once', 'sleep 1000')))
    assert.equal(409, (create('once', 'sleep 999', nil, headers)))
  end)

  it('pages lists', function()
    for i = 1, 5 do assert.equal(200, (create('page' .. i, 'sleep 1000', { role = 'pages' }))) end
    local names, cursor = {}, nil
    repeat
      local status, answer = ask('GET', '/api/v1/jobs/pages?limit=2' ..
        (cursor and '&cursor=' .. cursor or ''))
      assert.equal(200, status)
      for _, view in ipairs(answer.jobs) do names[#names + 1] = view.job.name end
      cursor = answer.cursor
    until not cursor
    assert.same({ 'page1', 'page2', 'page3', 'page4', 'page5' }, names)
    assert.equal(400, (ask('GET', '/api/v1/jobs?limit=0')))
    assert.equal(400, (ask('GET', '/api/v1/jobs?cursor=%2F%2F')))
  end)

  it('says why a task waits', function()
    create('big', 'sleep 1000', { task = {
      name = 'big', processes = { { name = 'p', cmdline = 'true' } },
      resources = { cpu_milli = 900000, ram_bytes = 32 << 20, disk_bytes = 8 << 20 } } })
    local why = run.eventually(10, 'a reason', function()
      local _, answer = ask('GET', '/api/v1/why/www-data/test/big')
      return answer.why.hosts > 0 and answer.why
    end)
    assert.equal(1, why.pending)
    assert.equal('not enough cpu', why.reasons[1].veto)
    assert.truthy(why.nearest_lacks:match('cpu'))
    assert.truthy(why.advice:match('larger hosts'))
  end)

  it('shows a task, its ports and its sandbox on the agent', function()
    assert.equal(200, (create('ports', 'echo {{thermos.ports[http]}}; sleep 1000',
      { port_names = { 'http' } })))
    local answer = running('ports', 1)
    local task = answer.tasks[1]
    assert.equal('http', task.ports[1].name)
    assert.is_true(task.ports[1].port >= 31000)
    local status, one = ask('GET', '/api/v1/tasks/' .. task.task_id)
    assert.equal(200, status)
    assert.equal(task.task_id, one.tasks[1].task_id)
    local _, found = http.request('http://' .. task.agent_endpoint ..
      '/files/browse?path=' .. task.sandbox)
    assert.equal(200, found)
  end)

  local refusals = {
    { 'an unknown path', 404, 'GET', '/api/v2' },
    { 'an unknown job', 404, 'GET', '/api/v1/jobs/a/prod/b' },
    { 'an unknown task', 404, 'GET', '/api/v1/tasks/x' },
    { 'an unknown asset', 404, 'GET', '/assets/00' },
    { 'a GET of calls', 405, 'GET', '/api/v1' },
    { 'a DELETE', 405, 'DELETE', '/api/v1/jobs/a/prod/b' },
    { 'no content type', 415, 'POST', '/api/v1', '{}', { ['Content-Type'] = 'text/plain' } },
    { 'a type it cannot answer in', 406, 'POST', '/api/v1', '{}', { Accept = 'text/html' } },
    { 'a call of no type', 400, 'POST', '/api/v1', '{"type":"DANCE"}' },
    { 'a job of another cluster', 400, 'POST', '/api/v1',
      '{"type":"GET_JOB","tasks":{"key":{"cluster":"mars","role":"r",' ..
      '"environment":"prod","name":"n"}}}' },
    { 'a bundle that is none', 400, 'POST', '/api/v1',
      '{"type":"CREATE_JOB","create_job":{"bundle":"AAAA",' ..
      '"key":{"cluster":"devcluster","role":"r",' ..
      '"environment":"prod","name":"n"}}}' },
    { 'an overlong Idempotency-Key', 400, 'POST', '/api/v1',
      '{"type":"KILL_JOB","target":{}}', { ['Idempotency-Key'] = (' '):rep(300):gsub(' ', 'k') } },
  }
  for _, case in ipairs(refusals) do
    it('refuses ' .. case[1], function()
      local status, answer = ask(case[3], case[4], case[5], case[6])
      assert.equal(case[2], status)
      if status == 400 then
        assert.equal('INVALID', answer.error.code)
        assert.is_true(#answer.error.message > 0)
      end
    end)
  end

  it('takes every other call', function()
    assert.equal(200, (create('calls', 'sleep 1000', { instances = 2,
      update = { watch_secs = 0 } })))
    running('calls', 2)
    local all = { key = key('calls') }
    for _, one in ipairs {
      { type = 'GET_VERSION' },
      { type = 'LIST_JOBS', list = { role = 'www-data', limit = 2 } },
      { type = 'GET_JOB', tasks = all },
      { type = 'GET_TASKS', tasks = { key = key('calls'), active_only = true } },
      { type = 'WHY', why = all },
      { type = 'LIST_CONFIGS', tasks = all },
      { type = 'LIST_TASKS', find_tasks = { states = { 'RUNNING' } } },
      { type = 'LIST_PENDING' },
      { type = 'LIST_HOSTS' },
      { type = 'LIST_OFFERS', hosts = { limit = 10 } },
      { type = 'LIST_ROLES' },
      { type = 'GET_STATE' },
      { type = 'RECONCILE' },
      { type = 'RECONCILE', reconcile = { implicit = true } },
      { type = 'PUT_ASSET', put_asset = { content = 'aGVsbG8=' } },
      { type = 'SCALE_JOB', scale = { key = key('calls'), instances = 3 } },
      { type = 'ADD_INSTANCES', scale = { key = key('calls'), instances = 1 } },
      { type = 'RESTART_JOB', target = { key = key('calls'), instances = { { first = 0 } } } },
      { type = 'LIST_UPDATES' },
      { type = 'LIST_GROUPS' },
      { type = 'LIST_CRON' },
      { type = 'BACKUP_CREATE' },
      { type = 'LIST_BACKUPS' },
      { type = 'PREVIEW_UPDATE', create_job = { job = job('calls', 'sleep 1002') } },
    } do
      local status, answer = call(one)
      assert.equal(200, status, one.type .. ': ' .. cjson.encode(answer))
    end
    local _, listed = call { type = 'LIST_TASKS', find_tasks = { name = 'calls', limit = 1 } }
    assert.equal(200, (call { type = 'GET_TASK',
      get_task = { task_id = listed.tasks[1].task_id } }))
  end)

  it('starts and steers an update', function()
    local changed = job('calls', 'sleep 1001', { instances = 4,
      update = { watch_secs = 0, pulse_interval_secs = 60 } })
    run.eventually(20, 'the restart to end', function()
      return call { type = 'START_UPDATE', create_job = { job = changed } } == 200
    end)
    local about = { key = key('calls') }
    assert.equal(200, (call { type = 'PULSE_UPDATE', update = about }))
    for _, type in ipairs { 'PAUSE_UPDATE', 'RESUME_UPDATE', 'GET_UPDATE', 'ABORT_UPDATE' } do
      local status, answer = call { type = type, update = about }
      assert.equal(200, status, type .. ': ' .. cjson.encode(answer))
      local id = answer.updates[1].update_id
      assert.equal(200, (ask('GET', '/api/v1/updates/' .. id)))
    end
    assert.equal(409, (call { type = 'ROLLBACK_UPDATE', update = about }))
    assert.equal(200, (call { type = 'KILL_JOB', target = about }))
  end)

  it('reads everything by path', function()
    for _, path in ipairs { '/jobs', '/jobs/www-data', '/jobs/www-data/test/steps',
      '/jobs/www-data/test/steps/tasks', '/jobs/www-data/test/steps/instances/0',
      '/jobs/www-data/test/steps/configs', '/jobs/www-data/test/steps/updates', '/tasks',
      '/updates', '/hosts', '/offers', '/pending', '/roles', '/state', '/version' } do
      local status, answer, headers = ask('GET', '/api/v1' .. path)
      assert.equal(200, status, path)
      assert.is_table(answer)
      local again = ask('GET', '/api/v1' .. path, nil, { ['If-None-Match'] = headers.etag })
      assert.is_true(again == 304 or again == 200)
    end
    local _, hosts = ask('GET', '/api/v1/hosts')
    assert.is_true(#hosts.hosts >= 1 and hosts.hosts[1].total.cpu_milli > 0)
    local status, text = ask('HEAD', '/api/v1/jobs')
    assert.equal(200, status)
    assert.equal('', text)
  end)

  it('tells of hosts that go and come', function()
    local _, state = ask('GET', '/api/v1/state')
    local only = { from_sequence = state.sequence + 1, types = { 'HOST_CHANGED' } }
    local function until_host(change)
      local events = follow(only, function(event)
        return event.host and event.host.change == change
      end)
      only.from_sequence = events[#events].sequence + 1
      return events[#events].host
    end
    -- An agent that says good-bye is gone at once.
    for _, pid in ipairs(c:pids('perigee%-agent')) do c.kill(pid, 'USR1') end
    local lost = until_host('LOST')
    c:up()
    local seen = until_host('SEEN')
    assert.equal(lost.hostname, seen.hostname)
    assert.is_true(seen.total.cpu_milli > 0)
  end)

  it('says what its schema says', function()
    local status, schema, headers = ask('GET', '/api/v1/schema')
    assert.equal(200, status)
    assert.equal(304, (ask('GET', '/api/v1/schema', nil, { ['If-None-Match'] = headers.etag })))
    local seen = {}
    for _, line in ipairs(said) do seen[line:match('^answer%.(.-)\t') or ''] = true end
    for _, type in ipairs { 'CREATE_JOB', 'KILL_JOB', 'START_UPDATE', 'LIST_HOSTS' } do
      assert.is_table(schema['x-calls'][type])
      assert.is_true(seen[type], type)
    end
    run.write(c.dir .. '/schema.json', (http.request(c.aurora .. '/api/v1/schema')))
    run.write(c.dir .. '/said', table.concat(said, '\n') .. '\n')
    local checked = run.run { '/usr/bin/python3', 'tests/support/validate.py',
      c.dir .. '/schema.json', c.dir .. '/said' }
    if checked.err:find("No module named 'jsonschema'", 1, true) then
      pending('python3-jsonschema is not installed')
    end
    assert.equal(0, checked.status, checked.out .. checked.err)
    assert.is_true(tonumber(checked.out:match('^(%d+) texts, 0 wrong')) > 100)
  end)

  it('has figures that promtool accepts', function()
    local _, text = ask('GET', '/metrics')
    assert.truthy(text:match('aurora_tasks{state="RUNNING"} %d'))
    local checked = run.run({ 'promtool', 'check', 'metrics' }, { stdin = text })
    assert.equal('', checked.err)
    assert.equal(0, checked.status)
  end)
end)
