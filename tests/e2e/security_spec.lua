-- A cluster whose scheduler knows its users: what each may see and do, what is
-- written down of it, and that no secret is found anywhere.
local cjson = require 'cjson'
local cluster = require 'support.cluster'
local mime = require 'mime'
local run = require 'support.run'

local SECRETS = { alice = 'Alice-s3cret-7f3a', bob = 'Bob-s3cret-91bc',
  daemons = 'Daemons-s3cret-20de' }
local WRONG = 'Wr0ng-s3cret-55aa'
local KEY = 'devcluster/alice/test/web'

describe('a cluster with users', function()
  local c, rules, dir, token, is_root

  local function hash(secret)
    local made = run.run({ run.bin .. '/clusterctl', 'user', 'hash' }, { stdin = secret .. '\n' })
    assert(made.status == 0, made.err)
    return (made.out:gsub('%s', ''))
  end

  local function write_rules(more)
    local text = ([[
roles = {
  admin = { actions = "*" },
  alice = { actions = "*", role = "alice" },
  bob = { actions = "*", role = "bob" },
}
users = {
  alice = { password = "%s", roles = "alice" },
  bob = { password = "%s", roles = "bob" },
  root = { token = "%s", roles = "admin" },
  slow = { token = "%s", roles = "bob", limits = { requests_per_second = 1 } },
  daemons = { password = "%s",
    permissions = { actions = { "agent.register", "framework.register" } } },
  %s
}
]]):format(rules.alice, rules.bob, rules.root, rules.slow, rules.daemons, more or '')
    -- As editors do: the file is whole at every moment.
    os.rename(run.write(dir .. '/new.lua', text), dir .. '/security.lua')
    os.execute('chmod 600 ' .. dir .. '/security.lua')
  end

  local function make_token()
    local made = run.run({ run.bin .. '/clusterctl', 'user', 'token', '--json' })
    local both = cjson.decode(made.out)
    return both.token, both.hash
  end

  --- clusterctl as one user: a configuration of its own.
  local function as(user, words)
    local all = { run.bin .. '/clusterctl' }
    for _, word in ipairs(words) do all[#all + 1] = word end
    return run.run(all, { timeout = words.timeout or 60, env = {
      HOME = dir .. '/' .. user, XDG_CONFIG_HOME = dir .. '/' .. user } })
  end

  local function must(user, words)
    local result = as(user, words)
    assert(result.status == 0, ('%s: %s: %s%s'):format(user, table.concat(words, ' '),
      result.out, result.err))
    return words[#words] == '--json' and cjson.decode(result.out) or result.out
  end

  local function settle(user, credentials)
    local folder = dir .. '/' .. user .. '/clusterctl'
    os.execute('mkdir -p ' .. folder .. '/credentials; chmod -R 700 ' .. dir .. '/' .. user)
    os.execute('cp ' .. c.dir .. '/config/clusterctl/dev.lua ' .. folder)
    if credentials then
      run.write(folder .. '/credentials/devcluster.lua', credentials)
      os.execute('chmod 600 ' .. folder .. '/credentials/devcluster.lua')
    end
  end

  local function job(role, name)
    return run.write(dir .. '/' .. role .. '-' .. name .. '.lua', ([[
return { Service { cluster = "devcluster", role = "%s", environment = "test", name = "%s",
  instances = 1, task = Task { processes = { Process { name = "p", cmdline = "exec sleep 1000" } },
    resources = Resources { cpu = 0.1, ram = 16*MB, disk = 1*MB } } } }
]]):format(role, name))
  end

  local function basic(user, secret)
    return { authorization = 'Basic ' .. mime.b64(user .. ':' .. secret) }
  end

  local function bearer(value) return { authorization = 'Bearer ' .. value } end

  setup(function()
    dir = run.temp()
    os.execute('chmod 755 ' .. dir)
    is_root = run.run({ 'id', '-u' }).out:match('%d+') == '0'
    token = {}
    rules = { alice = hash(SECRETS.alice), bob = hash(SECRETS.bob),
      daemons = hash(SECRETS.daemons) }
    token.root, rules.root = make_token()
    token.slow, rules.slow = make_token()
    write_rules()
    run.write(dir .. '/roles.lua', 'roles = { bob = { user = "nobody" }, alice = { user = "'
      .. (is_root and 'daemon' or run.run({ 'id', '-un' }).out:match('%S+')) .. '" } }\n')
    os.execute('chmod 600 ' .. dir .. '/roles.lua')
    run.write(dir .. '/daemons', 'daemons ' .. SECRETS.daemons .. '\n')
    os.execute('chmod 600 ' .. dir .. '/daemons')
    c = cluster.start { env = { PERIGEE_SECURITY = dir .. '/security.lua',
      PERIGEE_ROLES = dir .. '/roles.lua', PERIGEE_CREDENTIAL = dir .. '/daemons',
      PERIGEE_FRAMEWORK_AUTHENTICATION_FILE = dir .. '/daemons' } }
    settle('alice', ('return { user = "alice", password = "%s" }'):format(SECRETS.alice))
    settle('bob', ('return { user = "bob", password = "%s" }'):format(SECRETS.bob))
    settle('root', ('return { token = "%s" }'):format(token.root))
    settle('eve', ('return { user = "alice", password = "%s" }'):format(WRONG))
    settle('nobody')
    must('alice', { 'create', KEY, job('alice', 'web'), '--wait-until', 'RUNNING' })
  end)
  teardown(function()
    c:stop()
    run.remove(dir)
  end)

  it('shows a job to its role alone', function()
    assert.matches('alice/test/web', must('alice', { 'list', 'devcluster' }), 1, true)
    assert.is_nil(must('bob', { 'list', 'devcluster' }):find('alice', 1, true))
    local theirs = as('bob', { 'status', KEY })
    local nothing = as('bob', { 'status', 'devcluster/alice/test/nothing' })
    assert.equal(nothing.status, theirs.status)
    assert.equal((nothing.err:gsub('nothing', 'web')), theirs.err)
    assert.matches('does not exist', theirs.err, 1, true)
  end)

  it('lets nobody else touch it', function()
    for _, words in ipairs { { 'kill', KEY }, { 'restart', KEY }, { 'scale', KEY, '3' },
      { 'killall', KEY }, { 'create', 'devcluster/alice/test/mine', job('alice', 'mine') } } do
      words[#words + 1] = '--json'
      local refused = as('bob', words)
      assert.equal(30, refused.status, table.concat(words, ' ') .. refused.out .. refused.err)
      assert.matches("user 'bob' may not", refused.out .. refused.err, 1, true)
    end
    assert.matches('RUNNING', must('alice', { 'status', KEY }), 1, true)
  end)

  it('asks everybody who they are', function()
    for _, user in ipairs { 'eve', 'nobody' } do
      local refused = as(user, { 'list', 'devcluster' })
      assert.equal(30, refused.status, refused.out .. refused.err)
      assert.is_nil((refused.out .. refused.err):find(WRONG, 1, true))
    end
    assert.equal(200, run.get(c.aurora .. '/health').status)
    local refused = run.get(c.aurora .. '/api/v1/jobs')
    assert.equal(401, refused.status)
    assert.truthy(refused.headers['www-authenticate'])
  end)

  it('refuses every call to who may not make it', function()
    local schema = run.http('GET', c.aurora .. '/api/v1/schema', nil, bearer(token.root)).json
    local count = 0
    for name in pairs(schema['x-calls']) do
      local call = ('{"type":"%s"}'):format(name)
      for _, headers in ipairs { {}, bearer(WRONG), bearer '', { authorization = 'Basic x' } } do
        local refused = run.post(c.aurora .. '/api/v1', call, headers)
        assert.equal(401, refused.status, name)
        assert.is_nil(refused.body:find('alice', 1, true))
      end
      -- As another role: refused, or answered without a word of it.
      local key = { cluster = 'devcluster', role = 'alice', environment = 'test', name = 'web' }
      for _, field in ipairs { 'target', 'scale', 'update', 'cron', 'groups', 'tasks', 'why' } do
        local answer = run.post(c.aurora .. '/api/v1', { type = name, [field] = { key = key } },
          basic('bob', SECRETS.bob))
        if answer.status == 200 and name ~= 'SUBSCRIBE' then
          assert.is_nil(answer.body:find('alice/test/web', 1, true), name)
          assert.is_nil(answer.body:find('"alice"', 1, true), name)
        else
          assert.truthy(answer.status >= 400, name)
        end
      end
      count = count + 1
    end
    assert.truthy(count > 40)
    for _, path in ipairs { '/metrics', '/state', '/version', '/api/v1/events', '/offers' } do
      assert.equal(401, run.get(c.aurora .. path).status, path)
    end
    assert.equal(403, run.http('GET', c.aurora .. '/metrics', nil,
      basic('bob', SECRETS.bob)).status)
    assert.equal(200, run.http('GET', c.aurora .. '/metrics', nil, bearer(token.root)).status)
  end)

  it('writes down who did what', function()
    local text = must('root', { 'audit', 'devcluster', '--key', KEY })
    assert.matches('alice +127.0.0.1:%d+ +OK +job.create +devcluster/alice/test/web', text)
    assert.matches('bob +127.0.0.1:%d+ +DENIED +job.kill', text)
    local refused = must('root', { 'audit', '--result', 'UNAUTHENTICATED', '--json' }).audit
    assert.truthy(#refused > 0)
    local mine = must('root', { 'audit', '--user', 'alice', '--action', 'job.*', '--since', '1hrs',
      '--json' }).audit
    for _, entry in ipairs(mine) do assert.equal('alice', entry.user) end
    assert.equal('nothing\n', must('root', { 'audit', '--until', '2020-01-01' }))
    assert.is_nil(must('bob', { 'audit' }):find('alice', 1, true))
    assert.equal(6, as('root', { 'audit', '--since', 'yesterday' }).status)
  end)

  it('says who one is', function()
    assert.matches('you are bob', must('bob', { 'security', 'status' }), 1, true)
    assert.matches('rules of .*: 5 users', must('root', { 'security', 'status' }))
  end)

  it('keeps users to their rate', function()
    local last
    for _ = 1, 20 do
      last = run.http('GET', c.aurora .. '/api/v1/version', nil, bearer(token.slow))
      if last.status == 429 then break end
    end
    assert.equal(429, last.status)
    assert.truthy(last.headers['retry-after'])
    assert.matches('requests of user slow', last.body, 1, true)
  end)

  it('reads its rules again, and keeps the old ones when the new are wrong', function()
    local value, hashed = make_token()
    local function status()
      return run.http('GET', c.aurora .. '/api/v1/version', nil, bearer(value)).status
    end
    assert.equal(401, status())
    write_rules(('carol = { token = "%s" },'):format(hashed))
    run.eventually(15, 'carol', function() return status() == 200 end)
    write_rules('dave = { pasword = "x" },')
    local said = run.eventually(15, 'the mistake', function()
      local text = must('root', { 'security', 'status' })
      return text:find('refused since', 1, true) and text
    end)
    assert.matches("unknown field 'pasword', did you mean 'password'? (users.dave.pasword)", said,
      1, true)
    assert.equal(200, status())
    -- At once, when one asks for it.
    write_rules()
    for _, pid in ipairs(c:pids('perigee%-aurora')) do c.kill(pid, 'HUP') end
    run.eventually(15, 'that carol is gone', function() return status() == 401 end)
    assert.is_nil(must('root', { 'security', 'status' }):find('refused since', 1, true))
  end)

  it('runs a role as the user that roles.lua gives', function()
    if not is_root then
      print('skipped: tasks change their user only when the agent is root')
      return
    end
    local owner = run.eventually(20, 'the process', function()
      local pid = c:pids('^sleep 1000')[1]
      return pid and run.run({ 'stat', '-c', '%U', '/proc/' .. pid }).out:match('%S+')
    end)
    assert.equal('daemon', owner)
  end)

  it('shows no secret anywhere', function()
    local secrets = { SECRETS.alice, SECRETS.bob, SECRETS.daemons, WRONG, token.root,
      mime.b64('alice:' .. SECRETS.alice), mime.b64('bob:' .. SECRETS.bob),
      mime.b64('daemons:' .. SECRETS.daemons) }
    local function clean(where, text)
      for i, secret in ipairs(secrets) do
        assert(not (text or ''):find(secret, 1, true), where .. ' holds secret ' .. i)
      end
    end
    as('alice', { 'status', KEY })
    as('eve', { 'status', KEY })
    -- What is on the disk: logs, stores, sandboxes.
    for i, secret in ipairs(secrets) do
      local found = run.run({ 'grep', '-rlaF', '-e', secret, c.dir })
      assert(found.out == '', 'secret ' .. i .. ' is in ' .. found.out)
    end
    for _, path in ipairs { '/metrics', '/metrics/snapshot', '/state', '/api/v1/state',
      '/api/v1/security', '/api/v1/audit', '/api/v1/jobs', '/api/v1/schema' } do
      clean(path, run.http('GET', c.aurora .. path, nil, bearer(token.root)).body)
    end
    for _, path in ipairs { '/metrics', '/state', '/flags' } do
      clean('master ' .. path, run.http('GET', c.master .. path, nil, bearer(token.root)).body)
    end
    for _, pid in ipairs(c:pids('.')) do
      clean('cmdline of ' .. pid, run.read('/proc/' .. pid .. '/cmdline'))
      clean('environment of ' .. pid, run.read('/proc/' .. pid .. '/environ'))
    end
  end)

  it('leaves no core file, and no secret in the memory that one would have', function()
    local pid = c:pids('perigee%-aurora')[1]
    assert.matches('Max core file size +0 +0', run.read('/proc/' .. pid .. '/limits'))
    local maps = run.read('/proc/' .. pid .. '/smaps')
    local memory = io.open('/proc/' .. pid .. '/mem', 'rb')
    if not maps or not memory then
      print('skipped: the memory of another process cannot be read here')
      return
    end
    as('alice', { 'status', KEY })
    as('eve', { 'status', KEY })
    local from, to, looked, found = nil, nil, nil, {}
    for line in maps:gmatch('[^\n]+') do
      local a, b, mode = line:match('^(%x+)%-(%x+) (%S+)')
      if a then from, to = mode:sub(1, 2) == 'rw' and tonumber(a, 16), tonumber(b, 16) end
      local flags = line:match('^VmFlags:(.*)')
      if flags and from and not flags:find(' dd', 1, true) and to - from < 512 * 2 ^ 20
        and memory:seek('set', from) then
        local text = memory:read(to - from) or ''
        looked = looked or text:find('alice', 1, true)
        for i, secret in ipairs { SECRETS.alice, WRONG, mime.b64('alice:' .. SECRETS.alice),
          mime.b64('alice:' .. WRONG) } do
          if text:find(secret, 1, true) then found[#found + 1] = i end
        end
      end
    end
    memory:close()
    assert.truthy(looked, 'we look where its jobs are')
    assert.same({}, found)
  end)
end)

-- With certificates: who shows the one that security.lua names, and nobody else.
describe('a scheduler whose users have certificates', function()
  local dir, pid, url

  local function sh(line)
    local result = run.run({ 'sh', '-c', 'cd ' .. dir .. ' && ' .. line })
    assert(result.status == 0, line .. result.out .. result.err)
    return result.out
  end

  local function certificate(name, subject)
    local new = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
    sh(('openssl req %s -keyout %s.key -out %s.csr -subj /CN=%s 2>&1'):format(new, name, name,
      subject))
    sh('printf subjectAltName=IP:127.0.0.1 >ext')
    sh(('openssl x509 -req -in %s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2'
      .. ' -extfile ext -out %s.pem 2>&1'):format(name, name))
  end

  setup(function()
    dir = run.temp()
    sh('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key'
      .. ' -out ca.pem -subj /CN=ca -days 2 2>&1')
    certificate('server', 'server')
    certificate('root', 'root.example.org')
    certificate('eve', 'eve.example.org')
    sh('openssl x509 -req -in root.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days -1'
      .. ' -out expired.pem 2>&1 && cp root.key expired.key')
    run.write(dir .. '/security.lua',
      'users = { root = { certificate = "root.example.org", permissions = { actions = "*" } } }\n')
    sh('chmod 600 security.lua')
    local port = run.free_base(1)
    url = ('https://127.0.0.1:%d/api/v1/version'):format(port)
    pid = sh(('%s/perigee-aurora --master=127.0.0.1:1 --port=%d --work_dir=%s/work'
      .. ' --security=security.lua --tls_cert=server.pem --tls_key=server.key --tls_ca=ca.pem'
      .. ' >log 2>&1 </dev/null & echo $!'):format(run.bin, port, dir)):match('%d+')
    run.eventually(10, 'the scheduler', function()
      return run.run({ 'curl', '-s', '--cacert', dir .. '/ca.pem',
        (url:gsub('/api/v1/version', '/health')) }).status == 0
    end)
  end)
  teardown(function()
    os.execute('kill ' .. pid)
    run.eventually(10, 'its end', function() return not run.read('/proc/' .. pid .. '/stat') end)
    run.remove(dir)
  end)

  local function ask(name)
    local shown = name and ('--cert %s.pem --key %s.key'):format(name, name) or ''
    return run.run({ 'sh', '-c', ("cd %s && curl -s -w '%%{http_code}' --cacert ca.pem %s %s")
      :format(dir, shown, url) })
  end

  it('knows its users, and nobody else', function()
    assert.matches('"version".*200$', ask('root').out)
    assert.matches('401$', ask('eve').out)
    assert.matches('401$', ask().out)
  end)

  it('does not even talk to an expired certificate', function()
    local refused = ask('expired')
    assert.not_equal(0, refused.status)
    assert.equal('000', refused.out)
    assert.matches('certificate has expired', run.read(dir .. '/log'), 1, true)
  end)

  it('writes down whom it refused for a certificate, and why', function()
    sh('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
      .. ' -keyout foreign.key -out foreign.pem -subj /CN=stranger -days 2 2>&1')
    assert.equal('000', ask('foreign').out)
    assert.equal('000', ask('expired').out)
    local said = sh(('curl -s --cacert ca.pem --cert root.pem --key root.key'
      .. ' -H "Content-Type: application/json" -d \'{"type":"LIST_AUDIT"}\' %s')
      :format((url:gsub('/version', ''))))
    assert.matches("certificate of 'root.example.org': certificate has expired", said, 1, true)
    assert.matches("certificate of 'stranger': self-signed certificate", said, 1, true)
    assert.matches('"call":"TLS handshake"', said, 1, true)
    assert.is_nil(said:find('"user":"stranger"', 1, true))
  end)
end)
