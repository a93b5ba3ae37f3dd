-- The checks in front of every call, against what a real Mesos 1.12 answered.
local mesos = require 'support.mesos'
local Pair = require 'support.pair'

local JSON_ERROR = 'Failed to parse body into JSON: syntax error at line 1 near: '
local CONVERT = 'Failed to convert JSON into Call protobuf: '
local CONTENT = "Expecting 'Content-Type' to be present"
local CONTENT_KIND = "Expecting 'Content-Type' of application/json or application/x-protobuf"
local ACCEPT = "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'"
local NO_FRAMEWORK = 'Framework cannot be found'
local METHOD = "405 Method Not Allowed. Expecting one of { 'POST' }, but received '%s'."
local REASON = { [200] = 'OK', [202] = 'Accepted', [307] = 'Temporary Redirect',
  [400] = 'Bad Request', [404] = 'Not Found', [405] = 'Method Not Allowed',
  [406] = 'Not Acceptable', [415] = 'Unsupported Media Type', [501] = 'Not Implemented' }
local HEALTH = '{"type":"GET_HEALTH","get_health":{"healthy":true}}'

local p

--- A row: note, body, status, text; then request headers, method, path.
local function check(port, path, row)
  local note, body, status, text = row[1], row[2], row[3], row[4]
  local answer = mesos.send(port, row.method or 'POST', row.path or path, body, row.headers)
  assert(answer, note .. ': closed without an answer')
  assert.same({ note, status, REASON[status], text },
    { note, answer.status, answer.reason, answer.body })
  assert.is_string(answer.headers.date)
  assert.is_nil(answer.headers.server)
  assert.equal(tostring(#text), answer.headers['content-length'])
  assert.equal(status == 405 and 'POST' or nil, answer.headers.allow)
  local kind = answer.headers['content-type']
  if status >= 400 then
    assert.equal('text/plain; charset=utf-8', kind)
  elseif text == '' then
    assert.is_nil(kind)
  end
end

describe('as recorded from Mesos,', function()
  setup(function() p = Pair.start('--attributes=path:/a/b --hostname=localhost') end)
  teardown(function() p:stop() end)

  it('the scheduler API checks a request in this order', function()
    local info = { user = 'root', name = 'rec' }
    local subscribe = { type = 'SUBSCRIBE', subscribe = { framework_info = info } }
    local function with(framework_info)
      return { type = 'SUBSCRIBE', subscribe = { framework_info = framework_info } }
    end
    for _, row in ipairs {
      { 'a stream id', subscribe, 400,
        "Subscribe calls should not include the 'Mesos-Stream-Id' header",
        headers = { ['Mesos-Stream-Id'] = '3a1' } },
      { 'text', subscribe, 415, CONTENT_KIND, headers = { ['Content-Type'] = 'text/plain' } },
      { 'a parameter', subscribe, 415, CONTENT_KIND,
        headers = { ['Content-Type'] = 'application/json; charset=utf-8' } },
      { 'no type', subscribe, 400, CONTENT, headers = { ['Content-Type'] = false } },
      { 'html wanted', subscribe, 406, ACCEPT, headers = { Accept = 'text/html' } },
      { 'recordio', subscribe, 415, CONTENT_KIND,
        headers = { ['Content-Type'] = 'application/recordio' } },
      { 'GET', nil, 405, METHOD:format 'GET', method = 'GET' },
      { 'PUT', '{}', 405, METHOD:format 'PUT', method = 'PUT' },
      { 'DELETE', nil, 405, METHOD:format 'DELETE', method = 'DELETE' },
      { 'cut short', '{"type": ', 400, JSON_ERROR },
      { 'empty', '', 400, JSON_ERROR },
      { 'an array', '[]', 400, CONVERT .. 'Expecting a JSON object' },
      { 'a string', '"x"', 400, CONVERT .. 'Expecting a JSON object' },
      { 'no call type', '{}', 400,
        "Failed to validate scheduler::Call: Expecting 'type' to be present" },
      { 'UNKNOWN', { type = 'UNKNOWN' }, 400,
        "Failed to validate scheduler::Call: Expecting 'framework_id' to be present" },
      { 'a type nobody knows', { type = 'NO_SUCH' }, 400,
        "Failed to validate scheduler::Call: Expecting 'type' to be present" },
      { 'a number', { type = 1 }, 400, CONVERT .. "Not expecting a JSON number for field 'type'" },
      { 'no subscribe', { type = 'SUBSCRIBE' }, 400,
        "Failed to validate scheduler::Call: Expecting 'subscribe' to be present" },
      { 'no framework_info', '{"type":"SUBSCRIBE","subscribe":{}}', 400,
        CONVERT .. 'Missing required fields: subscribe.framework_info' },
      { 'no name', with { user = 'root' }, 400,
        CONVERT .. 'Missing required fields: subscribe.framework_info.name' },
      { 'a string for a message', with 'x', 400,
        CONVERT .. "Not expecting a JSON string for field 'framework_info'" },
      { 'an array for a message', with { info }, 400,
        CONVERT .. "Not expecting a JSON array for field 'framework_info'" },
      { 'a number for a string', with { user = 5, name = 'x' }, 400,
        CONVERT .. "Not expecting a JSON number for field 'user'" },
      { 'no id', { type = 'REVIVE' }, 400,
        "Failed to validate scheduler::Call: Expecting 'framework_id' to be present" },
      { 'an unknown id', { type = 'REVIVE', framework_id = { value = 'nope' } }, 400,
        NO_FRAMEWORK },
      { 'an unknown id and a stream id', { type = 'REVIVE', framework_id = { value = 'nope' } },
        400, NO_FRAMEWORK, headers = { ['Mesos-Stream-Id'] = 'x' } },
      { 'no protobuf', '\255\254', 400, 'Failed to parse body into Call protobuf',
        headers = { ['Content-Type'] = 'application/x-protobuf' } },
      { 'a longer path is the operator API', { type = 'GET_HEALTH' }, 200, HEALTH,
        path = '/api/v1/schedulerx' },
      { 'an unknown path', nil, 404, '404 Not Found.', method = 'GET', path = '/nope' },
      { 'a prefix', nil, 405, METHOD:format 'GET', method = 'GET',
        path = '/master/api/v1/scheduler' },
    } do check(p.master_port, '/api/v1/scheduler', row) end
  end)

  it('the operator API checks a request in this order', function()
    local health = { type = 'GET_HEALTH' }
    for _, row in ipairs {
      { 'GET', nil, 405, METHOD:format 'GET', method = 'GET' },
      { 'malformed', '{', 400, JSON_ERROR },
      { 'no type', '{}', 400, "Failed to validate master::Call: Expecting 'type' to be present" },
      { 'unknown type', { type = 'NOPE' }, 400,
        "Failed to validate master::Call: Expecting 'type' to be present" },
      { 'UNKNOWN', { type = 'UNKNOWN' }, 501, '501 Not Implemented.' },
      { 'text', health, 415, CONTENT_KIND, headers = { ['Content-Type'] = 'text/plain' } },
      { 'no content type', health, 400, CONTENT, headers = { ['Content-Type'] = false } },
      { 'html wanted', health, 406, ACCEPT, headers = { Accept = 'text/html' } },
      { 'no accept', health, 200, HEALTH, headers = { Accept = false } },
      { 'anything', health, 200, HEALTH, headers = { Accept = '*/*' } },
      { 'protobuf', health, 200, '\8\1\18\2\8\1',
        headers = { Accept = 'application/x-protobuf' } },
      { 'gzip, but short', health, 200, HEALTH, headers = { ['Accept-Encoding'] = 'gzip' } },
      { 'a prefix', health, 200, HEALTH, path = '/master/api/v1' },
      { 'a call of agents', { type = 'GET_CONTAINERS' }, 400,
        "Failed to validate master::Call: Expecting 'type' to be present" },
    } do check(p.master_port, '/api/v1', row) end
  end)

  it('the executor API checks a request in this order', function()
    local uuid = 'AAAAAAAAQACAAAAAAAAAAA=='
    local function call(kind, more)
      local body = { type = kind, executor_id = { value = 'e' }, framework_id = { value = 'f' } }
      for name, value in pairs(more or {}) do body[name] = value end
      return body
    end
    local function update(state, more)
      local status = { task_id = { value = 'x' }, state = state }
      for name, value in pairs(more or {}) do status[name] = value end
      return call('UPDATE', { update = { status = status } })
    end
    local subscribe = '{"type":"SUBSCRIBE","executor_id":{"value":"e"},' ..
      '"framework_id":{"value":"f"},"subscribe":{}}'
    local invalid = 'Failed to validate Executor::Call: '
    for _, row in ipairs {
      { 'GET', nil, 405, METHOD:format 'GET', method = 'GET' },
      { 'malformed', '{', 400, JSON_ERROR },
      { 'empty', '{}', 400, CONVERT .. 'Missing required fields: executor_id, framework_id' },
      { 'unknown type', call 'NOPE', 400, invalid .. "Expecting 'type' to be present" },
      { 'no subscribe', call 'SUBSCRIBE', 400, invalid .. "Expecting 'subscribe' to be present" },
      { 'unknown framework', subscribe, 400, NO_FRAMEWORK },
      { 'a heartbeat of nobody', call 'HEARTBEAT', 202, '' },
      { 'no uuid', update 'TASK_RUNNING', 400, invalid .. "Expecting 'uuid' to be present" },
      { 'a short uuid', update('TASK_RUNNING', { uuid = 'AAAA' }), 400,
        invalid .. 'Not a valid UUID' },
      { 'a wrong source', update('TASK_RUNNING', { uuid = uuid, source = 'SOURCE_MASTER' }), 400,
        invalid .. 'Received Call from executor e of framework f with invalid source, ' ..
        "expecting 'SOURCE_EXECUTOR'" },
      { 'TASK_STAGING', update('TASK_STAGING', { uuid = uuid, source = 'SOURCE_EXECUTOR' }), 400,
        invalid .. 'Received TASK_STAGING from executor e of framework f which is not allowed' },
      { 'a good update', update('TASK_RUNNING', { uuid = uuid, source = 'SOURCE_EXECUTOR' }), 400,
        NO_FRAMEWORK },
      { 'a message', call('MESSAGE', { message = { data = 'aGk=' } }), 400, NO_FRAMEWORK },
      { 'no ids', { type = 'MESSAGE', message = { data = 'aGk=' } }, 400,
        CONVERT .. 'Missing required fields: executor_id, framework_id' },
      { 'text', subscribe, 415, CONTENT_KIND, headers = { ['Content-Type'] = 'text/plain' } },
      { 'no content type', subscribe, 400, CONTENT,
        headers = { ['Content-Type'] = false, Accept = false } },
      { 'html wanted', subscribe, 406, ACCEPT, headers = { Accept = 'text/html' } },
    } do check(p.agent_port, '/api/v1/executor', row) end
  end)

  it('JSON is read with this leniency and no more', function()
    local deep = '{"type":"GET_HEALTH","x":' .. ('['):rep(200) .. (']'):rep(200) .. '}'
    for _, row in ipairs {
      { 'a comment', '{"type":"GET_HEALTH"/*x*/}', 400, JSON_ERROR .. '/*x*/}' },
      { 'a comma too many', '{"type":"GET_HEALTH",}', 400, JSON_ERROR .. '}' },
      { 'a key twice', '{"type":"GET_FLAGS","type":"GET_HEALTH"}', 200, HEALTH },
      { 'more behind it', '{"type":"GET_HEALTH"} x', 400,
        'Failed to parse body into JSON: ' ..
        'Parsed JSON included non-whitespace trailing characters:  x' },
      { 'NaN', '{"type":"GET_HEALTH","x":NaN}', 400, JSON_ERROR .. 'NaN}' },
      { 'a byte order mark', '\239\187\191{"type":"GET_HEALTH"}', 400,
        JSON_ERROR .. '\239\187\191{"type":"GET_HEALTH"}' },
      { 'an unknown field', '{"type":"GET_HEALTH","zzz":{"a":[1]}}', 200, HEALTH },
      { 'null', '{"type":"GET_HEALTH","set_quota":null}', 200, HEALTH },
      { 'a lower-case enum', '{"type":"get_health"}', 400,
        "Failed to validate master::Call: Expecting 'type' to be present" },
      { 'a number for a boolean',
        '{"type":"UPDATE_QUOTA","update_quota":{"force":1,"quota_configs":[]}}', 400,
        CONVERT .. "Not expecting a JSON number for field 'force'" },
    } do check(p.master_port, '/api/v1', row) end
    local answer = mesos.send(p.master_port, 'POST', '/api/v1', deep)
    assert.equal(400, answer.status)
    assert.equal(JSON_ERROR, answer.body:sub(1, #JSON_ERROR))
    -- What passes for a number or a boolean: the call is one we do not have,
    -- and says so behind the reading.
    for _, offset in ipairs { '"0"', '1.0', '1.5', '1e2', '-1', '99999999999999999999' } do
      answer = mesos.send(p.master_port, 'POST', '/api/v1',
        '{"type":"READ_FILE","read_file":{"path":"/x","offset":' .. offset .. '}}')
      assert.same({ 501, 'READ_FILE is not supported by this master' },
        { answer.status, answer.body })
    end
    for _, quota in ipairs { '"force":"true","quota_configs":[]',
      '"quota_configs":{"role":"dev"}' } do
      answer = mesos.send(p.master_port, 'POST', '/api/v1',
        '{"type":"UPDATE_QUOTA","update_quota":{' .. quota .. '}}')
      assert.equal(501, answer.status, answer.body)
    end
  end)

  it('HTTP is read with this leniency', function()
    local function health(bytes, method)
      local answer = mesos.raw(p.master_port, bytes, method, true)
      assert.same({ bytes, 200, '' }, { bytes, answer.status, answer.body })
      assert.is_nil(answer.headers['content-type'])
      return answer
    end
    assert.is_false(health('GET /health HTTP/1.1\r\n\r\n').is_closed) -- no Host
    assert.is_false(health('GET /health HTTP/1.1\nhost: h\n\n').is_closed)
    assert.is_false(health('GET //health HTTP/1.1\r\nHost: h\r\n\r\n').is_closed)
    assert.is_false(health('GET /health/ HTTP/1.1\r\nHost: h\r\n\r\n').is_closed)
    health('GET http://h/health HTTP/1.1\r\nHost: h\r\n\r\n')
    assert.is_true(health('GET /health HTTP/1.0\r\n\r\n').is_closed)
    assert.is_true(health('GET /health HTTP/1.1\r\nConnection: close\r\n\r\n').is_closed)
    health('HEAD /health HTTP/1.1\r\nHost: h\r\n\r\n', 'HEAD')
    health('POST /health HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx')
    health('OPTIONS /health HTTP/1.1\r\nHost: h\r\n\r\n')
    local answer = mesos.raw(p.master_port, 'POST /api/v1 HTTP/1.1\r\nHost: h\r\n' ..
      'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n' ..
      '8\r\n{"type":\r\nd\r\n"GET_HEALTH"}\r\n0\r\n\r\n')
    assert.equal(HEALTH, answer.body)
    answer = mesos.send(p.master_port, 'POST', '/state', '')
    assert.equal(200, answer.status)
    assert.equal('application/json', answer.headers['content-type'])
  end)

  -- Mesos closes without a word; a text is better.
  it('what is no HTTP is refused and the connection closed', function()
    local answer = mesos.raw(p.master_port, 'hello\r\n\r\n', nil, true)
    assert.same({ 400, true }, { answer.status, answer.is_closed })
    answer = mesos.raw(p.master_port, 'FOO /health HTTP/1.1\r\nHost: h\r\n\r\n', nil, true)
    assert.same({ 501, true }, { answer.status, answer.is_closed })
  end)

  it('two requests may come in one packet', function()
    local socket = require 'socket'
    local s = assert(socket.connect('127.0.0.1', p.master_port))
    s:settimeout(5)
    s:send('GET /health HTTP/1.1\r\nHost: h\r\n\r\nGET /nope HTTP/1.1\r\nHost: h\r\n\r\n')
    local text = ''
    while not text:find('404 Not Found.', 1, true) do text = text .. assert(s:receive(1)) end
    assert.matches('^HTTP/1.1 200 OK\r\n.*HTTP/1.1 404 Not Found\r\n', text)
    s:close()
  end)

  it('the redirect names the leader without a scheme', function()
    local answer = mesos.send(p.master_port, 'GET', '/redirect')
    assert.same({ 307, '//localhost:' .. p.master_port, '' },
      { answer.status, answer.headers.location:gsub('^//[^:]+', '//localhost'), answer.body })
  end)

  it('agents answer on these paths and no other', function()
    for path, status in pairs { ['/health'] = 200, ['/slave(1)/health'] = 200, ['/state'] = 200,
      ['/slave(1)/state'] = 200, ['/containers'] = 200, ['/monitor/statistics'] = 200,
      ['/version'] = 200, ['/metrics/snapshot'] = 200, ['/state.json'] = 404,
      ['/monitor/statistics.json'] = 404, ['/tasks'] = 404, ['/nope'] = 404 } do
      local answer = mesos.send(p.agent_port, 'GET', path)
      assert.same({ path, status }, { path, answer.status })
      if status == 404 then assert.equal('404 Not Found.', answer.body) end
    end
  end)

  it('what we do not have is refused by name and harms nothing', function()
    local master = { 'GET_LOGGING_LEVEL', 'SET_LOGGING_LEVEL', 'LIST_FILES', 'READ_FILE',
      'GET_METRICS', 'GET_OPERATIONS', 'GET_ROLES', 'GET_WEIGHTS', 'UPDATE_WEIGHTS', 'GET_MASTER',
      'SUBSCRIBE', 'RESERVE_RESOURCES', 'UNRESERVE_RESOURCES', 'CREATE_VOLUMES',
      'DESTROY_VOLUMES', 'GROW_VOLUME', 'SHRINK_VOLUME', 'GET_QUOTA',
      'UPDATE_QUOTA', 'SET_QUOTA', 'REMOVE_QUOTA', 'TEARDOWN',
      'MARK_AGENT_GONE', 'DRAIN_AGENT', 'DEACTIVATE_AGENT', 'REACTIVATE_AGENT' }
    for _, kind in ipairs(master) do
      local answer = mesos.send(p.master_port, 'POST', '/api/v1', { type = kind })
      assert.same({ kind, 501, kind .. ' is not supported by this master' },
        { kind, answer.status, answer.body })
    end
    for _, kind in ipairs { 'GET_METRICS', 'GET_LOGGING_LEVEL', 'SET_LOGGING_LEVEL', 'LIST_FILES',
      'READ_FILE', 'GET_CONTAINERS', 'GET_OPERATIONS', 'GET_RESOURCE_PROVIDERS' } do
      local answer = mesos.send(p.agent_port, 'POST', '/api/v1', { type = kind })
      assert.same({ kind, 501, '501 Not Implemented. This agent does not answer ' .. kind .. '.' },
        { kind, answer.status, answer.body })
    end
    for _, path in ipairs { '/frameworks', '/slaves', '/tasks', '/roles', '/quota', '/weights',
      '/state-summary', '/help', '/__processes__',
      '/system/stats.json' } do
      local answer = mesos.send(p.master_port, 'GET', path)
      assert.same({ path, 404, '404 Not Found.' }, { path, answer.status, answer.body })
    end
    assert.equal(404, mesos.send(p.master_port, 'DELETE', '/quota/dev').status)
    assert.equal(200, mesos.send(p.master_port, 'GET', '/health').status)
  end)
end)
