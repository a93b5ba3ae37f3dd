--- Who comes in at the ports of master and agent, as Mesos has it: files of credentials, and
--- a flag for each realm. With users of a security.lua: tests/e2e/two_users.lua.
local cjson = require 'cjson'
local framework = require 'support.framework'
local mime = require 'mime'
local pair = require 'support.pair'
local run = require 'support.run'
local socket = require 'socket'

local RIGHT, WRONG = 'Right-s3cret-55e1', 'Wrong-s3cret-91aa'

local function basic(principal, secret)
  return 'Basic ' .. mime.b64(principal .. ':' .. secret)
end

local function as(principal, secret)
  return { authorization = basic(principal, secret) }
end

describe('ports that ask who one is', function()
  local p, dir

  local function file(name, text)
    run.write(dir .. '/' .. name, text)
    os.execute('chmod 600 ' .. dir .. '/' .. name)
    return dir .. '/' .. name
  end

  setup(function()
    dir = run.temp()
    local all = file('credentials', cjson.encode { credentials = {
      { principal = 'ops', secret = RIGHT }, { principal = 'host', secret = RIGHT },
      { principal = 'fw', secret = RIGHT } } })
    local asks = ' --authenticate_http_readonly --authenticate_http_readwrite'
    p = pair.start('--isolation=posix --http_credentials=' .. all .. asks ..
      ' --authenticate_http_executors --credential=' .. file('host', 'host ' .. RIGHT .. '\n'),
      { master = '--credentials=' .. all .. asks ..
        ' --authenticate_http_frameworks --authenticate_agents' })
  end)
  teardown(function()
    p:stop()
    run.remove(dir)
  end)

  it('challenges with the names of realms that Mesos has', function()
    for url, realm in pairs {
      [p.master .. '/state'] = 'mesos-master-readonly',
      [p.master .. '/metrics/snapshot'] = 'mesos-master-readonly',
      [p.master .. '/machine/down'] = 'mesos-master-readwrite',
      [p.master .. '/api/v1'] = 'mesos-master-readwrite',
      [p.master .. '/api/v1/scheduler'] = 'mesos-master-scheduler',
      [p.master .. '/api/v1/agent'] = 'mesos-master-agent',
      [p.agent .. '/state'] = 'mesos-agent-readonly',
      [p.agent .. '/files/browse?path=/'] = 'mesos-agent-readonly',
      [p.agent .. '/slave(1)/files/read?path=/x'] = 'mesos-agent-readonly',
      [p.agent .. '/metrics'] = 'mesos-agent-readonly',
      [p.agent .. '/api/v1'] = 'mesos-agent-readwrite',
    } do
      for _, headers in ipairs { {}, as('ops', WRONG), as('nobody', RIGHT), as('ops', ''),
        { authorization = 'Basic !' }, { authorization = 'Bearer ' .. RIGHT },
        { authorization = RIGHT } } do
        for _, method in ipairs { 'GET', 'POST' } do
          local answer = run.http(method, url, method == 'POST' and '{}' or nil, headers)
          assert.equal(401, answer.status, method .. ' ' .. url)
          assert.equal(('Basic realm="%s"'):format(realm), answer.headers['www-authenticate'])
        end
      end
    end
    for _, url in ipairs { p.master .. '/health', p.agent .. '/health', p.master .. '/version',
      p.agent .. '/version' } do
      assert.equal(200, run.get(url).status, url)
    end
  end)

  it('lets in who proves it', function()
    for _, url in ipairs { p.master .. '/state', p.agent .. '/state', p.master .. '/metrics',
      p.agent .. '/metrics/snapshot' } do
      assert.equal(200, run.http('GET', url, nil, as('ops', RIGHT)).status, url)
    end
    for _, url in ipairs { p.master, p.agent } do
      local answer = run.post(url .. '/api/v1', { type = 'GET_FLAGS' }, as('ops', RIGHT))
      assert.equal(200, answer.status)
      assert.is_nil(answer.body:find(RIGHT, 1, true))
    end
  end)

  it('refuses a framework with a wrong secret, or with another name', function()
    local subscribe = { type = 'SUBSCRIBE', subscribe = { framework_info = {
      user = 'nobody', name = 'test', principal = 'ops' } } }
    local url = p.master .. '/api/v1/scheduler'
    assert.equal(401, run.post(url, subscribe, as('fw', WRONG)).status)
    local answer = run.post(url, subscribe, as('fw', RIGHT))
    assert.equal(400, answer.status)
    assert.matches("Authenticated principal 'fw' does not match principal 'ops'", answer.body, 1,
      true)
  end)

  it('runs the task of a framework and an agent that prove who they are', function()
    local fw = framework.open(p.master_port, {}, basic('fw', RIGHT))
    p.fw = fw
    fw:launch { framework.task('t1', 'env; echo WHOLE; exec sleep 1000') }
    fw:reach('t1', 'TASK_RUNNING')
    local state = run.http('GET', p.master .. '/state', nil, as('ops', RIGHT)).json
    assert.equal('fw', state.frameworks[1].principal)
    -- Who is another framework's principal has nothing to do with it.
    local answer = run.post(p.master .. '/api/v1/scheduler',
      { type = 'TEARDOWN', framework_id = fw.id }, as('host', RIGHT))
    assert.equal(400, answer.status)
    assert.equal('Framework cannot be found', answer.body)
    -- Nobody plays its executor, and its command knows nothing of the token.
    for _, headers in ipairs { {}, { authorization = 'Bearer x' }, as('ops', RIGHT) } do
      answer = run.post(p.agent .. '/api/v1/executor', { type = 'SUBSCRIBE', subscribe = {},
        executor_id = { value = 't1' }, framework_id = fw.id }, headers)
      assert.equal(401, answer.status)
      assert.equal('Bearer realm="mesos-agent-executor"', answer.headers['www-authenticate'])
    end
    local path = ('/frameworks/%s/executors/t1/runs/latest/stdout'):format(fw.id.value)
    local out = run.eventually(10, 'what it says', function()
      local got = run.http('GET', p.agent .. '/files/download?path=' .. path, nil,
        as('ops', RIGHT))
      return got.status == 200 and got.body:find('MESOS_SANDBOX', 1, true) and
        got.body:find('WHOLE', 1, true) and got.body
    end)
    assert.is_nil(out:find('AUTHENTICATION_TOKEN', 1, true))
  end)

  it('keeps executors through a restart of the agent', function()
    p:kill(p.agent_pid, 'KILL')
    p:start_agent()
    p.fw:kill('t1')
    p.fw:reach('t1', 'TASK_KILLED')
  end)

  it('leaves an agent with a wrong secret out, and says so', function()
    p:kill(p.agent_pid, 'TERM')
    local flags = p.flags
    p.flags = flags:gsub('%-%-credential=%S+', '--credential=' ..
      file('thief', 'host ' .. WRONG .. '\n'))
    p:start_agent()
    -- It tries again; a line of the master's may be one of those that it only counts.
    run.eventually(20, 'its refusal', function()
      local log = run.read(p.dir .. '/log')
      return log:find('master_link_down [^\n]*401') and
        log:find('sign_in_refused peer=127.0.0.1:%d+ user=host secret=wrong')
    end)
    p:kill(p.agent_pid, 'TERM')
    p.flags = flags
    p:start_agent()
  end)

  it('checks so many passwords at a time, and forgets who hangs up', function()
    local function ask(secret)
      local s = assert(socket.connect('127.0.0.1', p.master_port))
      s:send(('GET /state HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n'):format(
        basic('ops', secret)))
      return s
    end
    assert.equal(200, run.http('GET', p.master .. '/state', nil, as('ops', RIGHT)).status)
    local open, count = {}, {}
    for i = 1, 60 do open[i] = ask(WRONG .. i) end
    for i = 1, 60, 7 do open[i]:close() end
    -- Who was let in before waits for nobody.
    assert.equal(200, run.http('GET', p.master .. '/state', nil, as('ops', RIGHT)).status)
    for i, s in ipairs(open) do
      if i % 7 ~= 1 then
        s:settimeout(20)
        local status = s:receive('*l'):match(' (%d+) ')
        count[status] = (count[status] or 0) + 1
        s:close()
      end
    end
    assert.truthy(count['429'] and count['401'] and count['429'] + count['401'] == 51,
      cjson.encode(count))
  end)

  it('reads its file again', function()
    local function status()
      return run.http('GET', p.master .. '/state', nil, as('new', RIGHT)).status
    end
    assert.equal(401, status())
    file('credentials.new', ('host %s\nops %s\nfw %s\nnew %s\n'):format(RIGHT, RIGHT, RIGHT, RIGHT))
    os.rename(dir .. '/credentials.new', dir .. '/credentials')
    run.eventually(10, 'the new principal', function() return status() == 200 end)
    file('credentials', 'no-secret-here\n')
    run.eventually(10, 'the mistake', function()
      return run.read(p.dir .. '/log'):find('security_refused', 1, true)
    end)
    assert.equal(200, status())
  end)

  it('has no secret in logs, stores and arguments', function()
    for _, secret in ipairs { RIGHT, WRONG, mime.b64('ops:' .. RIGHT), mime.b64('host:' .. RIGHT),
      mime.b64('fw:' .. RIGHT) } do
      assert.equal('', run.run({ 'grep', '-rlaF', '-e', secret, p.dir }).out)
    end
    for _, pid in ipairs { p.master_pid, p.agent_pid } do
      assert.is_nil(run.read('/proc/' .. pid .. '/cmdline'):find(RIGHT, 1, true))
    end
  end)
end)

describe('flags of ports', function()
  local function refused(program, flags)
    local dir = run.temp()
    local words = { run.bin .. '/' .. program, '--work_dir=' .. dir .. '/w', '--port=0' }
    if program == 'perigee-agent' then words[#words + 1] = '--master=127.0.0.1:1' end
    for _, flag in ipairs(flags) do words[#words + 1] = (flag:gsub('DIR', dir)) end
    run.write(dir .. '/open', 'a hidden\n')
    os.execute('chmod 644 ' .. dir .. '/open')
    local result = run.run(words)
    run.remove(dir)
    assert.not_equal(0, result.status)
    assert.is_nil(result.err:find('hidden', 1, true))
    return result.err
  end

  it('are refused when they make no sense', function()
    for _, program in ipairs { 'perigee-master', 'perigee-agent' } do
      local credentials = program == 'perigee-master' and '--credentials=' or '--http_credentials='
      assert.matches('authenticate_http_readonly: want ', refused(program,
        { '--authenticate_http_readonly' }), 1, true)
      assert.matches('want one of them', refused(program,
        { '--security=DIR/x.lua', credentials .. 'DIR/y' }), 1, true)
      assert.matches('want one of them', refused(program,
        { '--security=DIR/x.lua', '--authenticate_http_readwrite' }), 1, true)
      assert.matches('want a security.lua', refused(program, { '--security=DIR/x.ini' }), 1, true)
      assert.matches('cannot be read', refused(program, { '--security=DIR/none.lua' }), 1, true)
      assert.matches('may be used by others', refused(program,
        { credentials .. 'DIR/open', '--authenticate_http_readonly' }), 1, true)
    end
    assert.matches('may be used by others', refused('perigee-agent', { '--credential=DIR/open' }),
      1, true)
  end)
end)
