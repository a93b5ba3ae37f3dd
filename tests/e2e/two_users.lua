-- Alice and bob share a cluster, each with a quota. Every path that would
-- exceed it is refused with the arithmetic; bob can neither touch nor read
-- alice's job; production pushes batch aside. All through clusterctl.
local cjson = require 'cjson'
local cluster = require 'support.cluster'
local run = require 'support.run'

describe('two users', function()
  local c, dir
  local bearer = {} -- headers of each user

  local function clusterctl(user, words)
    local all = { run.bin .. '/clusterctl' }
    for _, word in ipairs(words) do all[#all + 1] = word end
    return run.run(all, { timeout = words.timeout or 60, stdin = words.stdin, env = {
      HOME = dir .. '/' .. user, XDG_CONFIG_HOME = dir .. '/' .. user } })
  end

  local function must(user, words)
    local result = clusterctl(user, words)
    assert(result.status == 0, ('%s: %s: %s%s'):format(user, table.concat(words, ' '),
      result.out, result.err))
    return words[#words] == '--json' and cjson.decode(result.out) or result.out
  end

  --- Refused for the quota, with its sum line by line.
  local function over(user, words)
    local result = clusterctl(user, words)
    local said = result.out .. result.err
    assert(result.status ~= 0, table.concat(words, ' ') .. said)
    assert.matches('quota', said)
    assert.matches('cpu', said)
    return said
  end

  --- `fields`: role, name, instances, cpu, more
  local function job(fields)
    return run.write(('%s/%s-%s.lua'):format(dir, fields.role, fields.name), ([[
return { Service { cluster = "devcluster", role = "%s", environment = "test", name = "%s",
  instances = %d, update = Update { watch_secs = 0 }, %s
  task = Task { processes = { Process { name = "p", cmdline = "exec sleep 1000" } },
    resources = Resources { cpu = %s, ram = 16*MB, disk = 1*MB } } } }
]]):format(fields.role, fields.name, fields.instances or 1, fields.more or '', fields.cpu))
  end

  local function key(role, name) return ('devcluster/%s/test/%s'):format(role, name) end

  local function settle(user, credentials)
    local folder = dir .. '/' .. user .. '/clusterctl'
    os.execute('mkdir -p ' .. folder .. '/credentials; chmod -R 700 ' .. dir .. '/' .. user)
    os.execute('cp ' .. c.dir .. '/config/clusterctl/dev.lua ' .. folder)
    run.write(folder .. '/credentials/devcluster.lua', credentials)
    os.execute('chmod 600 ' .. folder .. '/credentials/devcluster.lua')
  end

  setup(function()
    dir = run.temp()
    os.execute('chmod 755 ' .. dir)
    local function token()
      local made = cjson.decode(
        run.run({ run.bin .. '/clusterctl', 'user', 'token', '--json' }).out)
      return made.token, made.hash
    end
    local tokens, hashes = {}, {}
    for _, user in ipairs { 'alice', 'bob', 'root' } do tokens[user], hashes[user] = token() end
    for user, value in pairs(tokens) do bearer[user] = { authorization = 'Bearer ' .. value } end
    local secret = token()
    local hash = run.run({ run.bin .. '/clusterctl', 'user', 'hash' }, { stdin = secret .. '\n' })
    run.write(dir .. '/daemons', 'daemons ' .. secret .. '\n')
    os.execute('chmod 600 ' .. dir .. '/daemons')
    run.write(dir .. '/security.lua', ([[
local own = { "job.*", "update.*", "cron.*", "group.*", "asset.put", "quota.read", "audit.read" }
roles = {
  admin = { actions = "*" },
  alice = { actions = own, role = "alice" },
  bob = { actions = own, role = "bob" },
}
users = {
  alice = { token = "%s", roles = "alice" },
  bob = { token = "%s", roles = "bob" },
  root = { token = "%s", roles = "admin" },
  daemons = { password = "%s",
    permissions = { actions = { "agent.register", "framework.register" } } },
}
]]):format(hashes.alice, hashes.bob, hashes.root, (hash.out:gsub('%s', ''))))
    os.execute('chmod 600 ' .. dir .. '/security.lua')
    -- Tasks run as a user that there is, whoever runs this.
    local me = run.run({ 'id', '-un' }).out:match('%S+')
    run.write(dir .. '/roles.lua',
      ('roles = { alice = { user = "%s" }, bob = { user = "%s" } }\n'):format(
        me == 'root' and 'daemon' or me, me == 'root' and 'nobody' or me))
    os.execute('chmod 600 ' .. dir .. '/roles.lua')
    c = cluster.start { env = { PERIGEE_SECURITY = dir .. '/security.lua',
      PERIGEE_ROLES = dir .. '/roles.lua', PERIGEE_CREDENTIAL = dir .. '/daemons',
      PERIGEE_FRAMEWORK_AUTHENTICATION_FILE = dir .. '/daemons', PERIGEE_PREEMPTION_DELAY = '1secs',
      PERIGEE_PREEMPTION_SLOT_SEARCH_INTERVAL = '1secs',
      PERIGEE_PREEMPTION_SLOT_SEARCH_INITIAL_DELAY = '1secs' } }
    for user, value in pairs(tokens) do
      settle(user, ('return { token = "%s" }'):format(value))
    end
    for _, user in ipairs { 'alice', 'bob' } do
      must('root', { 'quota', 'set', 'devcluster/' .. user, 'cpu=2', 'ram=1GB', 'disk=1GB',
        'all.cpu=4' })
    end
  end)
  teardown(function()
    c:stop()
    run.remove(dir)
  end)

  it('gives quotas by the operator alone', function()
    local refused = clusterctl('bob', { 'quota', 'set', 'devcluster/bob', 'cpu=100' })
    assert.equal(30, refused.status, refused.out .. refused.err)
    assert.matches('may not quota.set', refused.out .. refused.err, 1, true)
    assert.matches('2', must('bob', { 'quota', 'get', 'devcluster/bob' }), 1, true)
    local other = clusterctl('bob', { 'quota', 'get', 'devcluster/alice' })
    assert.is_nil((other.out .. other.err):find('1GB', 1, true))
    assert.is_nil(must('bob', { 'role', 'list' }):find('alice', 1, true))
  end)

  it('holds bob to his quota on every path', function()
    must('bob', { 'create', key('bob', 'web'), job { role = 'bob', name = 'web', cpu = 0.5,
      instances = 2, more = 'production = true,' }, '--wait-until', 'RUNNING', '--timeout', '15' })
    local said = over('bob', { 'create', key('bob', 'big'),
      job { role = 'bob', name = 'big', cpu = 0.75, instances = 2, more = 'production = true,' } })
    assert.matches('1.5', said, 1, true)
    over('bob', { 'scale', key('bob', 'web'), '5' })
    over('bob', { 'add', key('bob', 'web'), '3' })
    local bigger = job { role = 'bob', name = 'web', cpu = 1.5, instances = 2,
      more = 'production = true,' }
    over('bob', { 'update', 'start', key('bob', 'web'), bigger })
    over('bob', { 'apply', bigger })
    local clock = run.write(dir .. '/bob-clock.lua', [[
return { Job { cluster = "devcluster", role = "bob", environment = "test", name = "clock",
  production = true, cron = Cron { schedule = "0 3 * * *" },
  task = Task { processes = { Process { name = "p", cmdline = "true" } },
    resources = Resources { cpu = 3, ram = 16*MB, disk = 1*MB } } } }
]])
    over('bob', { 'cron', 'schedule', key('bob', 'clock'), clock })
    local group = run.write(dir .. '/bob-group.lua', [[
local function service(name)
  return Service { cluster = "devcluster", role = "bob", environment = "test", name = name,
    production = true, task = Task { processes = { Process { name = "p", cmdline = "sleep 1000" } },
      resources = Resources { cpu = 0.75, ram = 16*MB, disk = 1*MB } } }
end
return { Group { name = "pair", jobs = { service "one", service "two" } } }
]])
    over('bob', { 'group', 'create', key('bob', 'pair'), group })
    -- Nothing of it was stored.
    local jobs = must('bob', { 'list', 'devcluster', '--json' }).jobs
    assert.equal(1, #jobs)
    assert.equal(2, jobs[1].job.instances)
  end)

  it('leaves alice hers', function()
    must('alice', { 'create', key('alice', 'db'), job { role = 'alice', name = 'db', cpu = 0.2,
      more = 'production = true,' }, '--wait-until', 'RUNNING', '--timeout', '30' })
    for _, words in ipairs { { 'kill', key('alice', 'db') }, { 'restart', key('alice', 'db') },
      { 'scale', key('alice', 'db'), '2' }, { 'add', key('alice', 'db'), '1' },
      { 'update', 'pause', key('alice', 'db') },
      { 'create', key('alice', 'mine'), job { role = 'alice', name = 'mine', cpu = 0.1 } } } do
      local refused = clusterctl('bob', words)
      assert.equal(30, refused.status, table.concat(words, ' ') .. refused.out .. refused.err)
    end
    for _, words in ipairs { { 'status', 'KEY' }, { 'inspect', 'KEY' }, { 'why', 'KEY' },
      { 'update', 'info', 'KEY' }, { 'logs', 'KEY/0', 'p' } } do
      local answers = {}
      for _, name in ipairs { 'db', 'no' } do
        local all = {}
        for i, word in ipairs(words) do all[i] = word:gsub('KEY', key('alice', name)) end
        local result = clusterctl('bob', all)
        assert.not_equal(0, result.status, table.concat(all, ' '))
        answers[#answers + 1] = (result.out .. result.err):gsub('/' .. name, '/X')
      end
      assert.equal(answers[2], answers[1], table.concat(words, ' '))
    end
    for _, words in ipairs { { 'list', 'devcluster' }, { 'list', 'devcluster/alice' },
      { 'role', 'list' }, { 'update', 'list', 'devcluster' }, { 'audit' } } do
      local result = clusterctl('bob', words)
      assert.is_nil(result.out:find('alice/test', 1, true), table.concat(words, ' ') .. result.out)
    end
    assert.matches('RUNNING', must('alice', { 'status', key('alice', 'db') }), 1, true)
    -- She sees who tried.
    assert.matches('bob', must('alice', { 'audit', '--result', 'DENIED' }), 1, true)
  end)

  it('keeps her sandbox from him at the agent\'s own port', function()
    local task = must('alice', { 'status', key('alice', 'db'), '--json' }).tasks[1]
    local agent = 'http://' .. task.agent_endpoint
    local function get(path, headers)
      local answer = run.http('GET', agent .. path, nil, headers)
      return answer.status, answer.body
    end
    local inside = '/files/%s?path=' .. task.sandbox:gsub('%%', '%%%%')
    local nothing = inside:gsub('/executors/.*', '/executors/none/runs/latest')
    for _, operation in ipairs { 'browse', 'read', 'download' } do
      local file = operation == 'browse' and '' or '/stderr'
      local there, none = inside:format(operation) .. file, nothing:format(operation) .. file
      assert.equal(200, get(there, bearer.alice), there)
      assert.equal(200, get(there, bearer.root), there)
      assert.same({ get(none, bearer.bob) }, { get(there, bearer.bob) })
      assert.equal(404, get(there, bearer.bob))
      assert.equal(401, get(there))
      assert.equal(401, get(there, { authorization = 'Bearer wrong' }))
    end
    assert.equal(403, get('/state', bearer.bob))
    assert.equal(403, get('/containers', bearer.alice))
    -- Her own way to it, with her own secret.
    must('alice', { 'logs', key('alice', 'db') .. '/0', 'p' })
  end)

  it('knows whose a sandbox was when its agent has started again', function()
    local once = key('alice', 'once')
    local file = run.write(dir .. '/once.lua', [[
return { Job { cluster = "devcluster", role = "alice", environment = "test", name = "once",
  task = Task { processes = { Process { name = "p", cmdline = "echo hers" } },
    resources = Resources { cpu = 0.1, ram = 16*MB, disk = 1*MB } } } }
]])
    must('alice', { 'create', once, file, '--wait-until', 'FINISHED', '--timeout', '30' })
    local task = must('alice', { 'status', once, '--json' }).tasks[1]
    local agent = c:pids('perigee%-agent')[1]
    c.kill(agent)
    run.eventually(10, 'its end', function()
      return not (run.read('/proc/' .. agent .. '/cmdline') or ''):find('perigee')
    end)
    c:up()
    local path = 'http://' .. task.agent_endpoint .. '/files/download?path=' .. task.sandbox ..
      '/.logs/p/0/stdout'
    local got = run.http('GET', path, nil, bearer.alice)
    assert.equal(200, got.status)
    assert.equal('hers\n', got.body)
    assert.equal(404, run.http('GET', path, nil, bearer.bob).status)
    assert.equal('hers\n', must('alice', { 'logs', once .. '/0', 'p' }))
  end)

  it('keeps him from the master, and from what runs there', function()
    local refused = run.http('GET', c.master .. '/state', nil, bearer.bob)
    assert.equal(403, refused.status)
    assert.is_nil(refused.body:find('alice', 1, true))
    assert.equal(401, run.get(c.master .. '/state').status)
    local state = run.http('GET', c.master .. '/state', nil, bearer.root).json
    local id = state.frameworks[1].id
    local teardown = { type = 'TEARDOWN', framework_id = { value = id } }
    local url = c.master .. '/api/v1/scheduler'
    assert.equal(401, run.post(url, teardown).status)
    for _, user in ipairs { 'bob', 'root' } do
      local answer = run.post(url, teardown, bearer[user])
      assert.equal(400, answer.status)
      assert.equal('Framework cannot be found', answer.body)
    end
    local subscribe = { type = 'SUBSCRIBE', subscribe = { framework_info = {
      user = 'nobody', name = 'thief' } } }
    assert.matches('Not authorized to use roles', run.post(url, subscribe, bearer.bob).body, 1,
      true)
    assert.matches('RUNNING', must('alice', { 'status', key('alice', 'db') }), 1, true)
  end)

  it('pushes batch aside for production', function()
    -- Bob's batch fills what is free, as long as his quota of all work goes.
    must('root', { 'quota', 'set', 'devcluster/bob', 'cpu=2', 'ram=8GB', 'disk=8GB' })
    must('bob', { 'create', key('bob', 'batch'), job { role = 'bob', name = 'batch', cpu = 0.4,
      instances = 10 } })
    run.eventually(30, 'a batch that fills the machine', function()
      return must('bob', { 'why', key('bob', 'batch') }):find('cpu', 1, true)
    end)
    must('alice', { 'create', key('alice', 'front'), job { role = 'alice', name = 'front', cpu = 1,
      more = 'production = true,' }, '--wait-until', 'RUNNING', '--timeout', '50' })
    local pushed = must('bob', { 'status', key('bob', 'batch'), '--json' })
    assert.matches('PREEMPTING', cjson.encode(pushed), 1, true)
    assert.matches("gives way to task", cjson.encode(pushed), 1, true)
    -- The audit names the one that won.
    assert.matches("task.preempt +devcluster/bob/test/batch .*of role 'alice'",
      must('root', { 'audit', '--action', 'task.preempt' }))
  end)
end)
