-- clusterctl for people who write job files: check, inspect, params, render,
-- diff, plan, apply. Files alone first, then beside a real cluster.
local cjson = require 'cjson'
local cluster = require 'support.cluster'
local run = require 'support.run'

local KEY = 'devcluster/www-data/test/'

--- A service `name` with the given lines inside its constructor.
local function service(name, lines)
  return ([[
Service { cluster = "devcluster", role = "www-data", environment = "test", name = "%s",
  task = Task { processes = { Process { name = "sleep", cmdline = "exec sleep 1000" } },
    resources = Resources { cpu = 0.1, ram = 16*MB, disk = 1*MB } },
  update = Update { watch_secs = 0 }, %s }
]]):format(name, lines or '')
end

local function file_of(...)
  return 'return { ' .. table.concat({ ... }, ', ') .. ' }\n'
end

local SERVER = [[
return { Service { cluster = "devcluster", role = "www-data", environment = "test", name = "web",
  instances = 2, env = { MODE = "fast" },
  task = Task {
    processes = {
      Process { name = "fetch", cmdline = "fetch {{env[HOME]}}" },
      Process { name = "build", cmdline = "make\nmake install" },
      Process { name = "server", cmdline = "serve {{thermos.ports[http]}} {{thermos.ports[admin]}}",
        env = { MODE = "slow" } },
      Process { name = "rotate", cmdline = raw [[docker '{{.Id}}']].."]]"..[[, daemon = true,
        ephemeral = true },
      Process { name = "bye", cmdline = "echo {{mesos.hostname}}", final = true },
    },
    constraints = order("fetch", "build", "server"),
    resources = Resources { cpu = 0.5, ram = 64*MB, disk = 1*GB } } } }
]]

describe('without a cluster, clusterctl', function()
  local dir
  setup(function() dir = run.temp() end)
  teardown(function() run.remove(dir) end)

  local function write(name, text) return run.write(dir .. '/' .. name, text) end
  local function cli(words)
    table.insert(words, 1, run.bin .. '/clusterctl')
    return run.run(words, { env = { HOME = dir, XDG_CONFIG_HOME = dir } })
  end

  it('checks several files and looks at each', function()
    local good = write('good.lua', file_of(service('a')))
    local bad = write('bad.lua', file_of(service('b', 'instances = 0, colour = 3')))
    local result = cli { 'check', bad, good, dir .. '/none.lua' }
    assert.equal(3, result.status)
    assert.matches('good.lua: fine, 1 job', result.out, 1, true)
    assert.matches('bad.lua:', result.err, 1, true)
    assert.matches('colour', result.err, 1, true)
    assert.matches('none.lua', result.err, 1, true)
    assert.matches('2 of 3 files have mistakes', result.err, 1, true)
    assert.equal(0, cli({ 'check', good, good }).status)
  end)

  it('checks for programs', function()
    local good = write('good.lua', file_of(service('a'), service('b')))
    local bad = write('bad.lua', file_of(service('b', '\n colour = 3')))
    local result = cli { 'check', bad, good, dir .. '/none.lua', '--json' }
    assert.equal(3, result.status)
    local answer = cjson.decode(result.out)
    assert.is_false(answer.ok)
    assert.equal(2, answer.jobs)
    assert.is_false(answer.files[1].ok)
    local problem = answer.files[1].problems[1]
    assert.equal('bad.lua', problem.file)
    assert.equal(5, problem.line)
    assert.equal('colour', problem.source:sub(problem.column, problem.column + 5))
    assert.is_true(answer.files[2].ok)
    assert.equal(2, answer.files[2].jobs)
    assert.matches('none.lua', answer.files[3].problems[1].message, 1, true)
    assert.equal('', result.err)
  end)

  it('warns of what no cluster can do yet, and finds the file fine', function()
    local file = write('ahead.lua', file_of(service('a', 'contact = "x"'))
      :gsub('contact = "x"', 'container = Docker { image = "nginx" }'))
    local result = cli { 'check', file }
    assert.equal(0, result.status, result.err)
    assert.matches('warning: ' .. file .. ': ' .. KEY .. 'a: container.docker: ', result.err, 1,
      true)
    local answer = cjson.decode(cli({ 'check', file, '--json' }).out)
    assert.is_true(answer.ok)
    assert.equal('container.docker', answer.files[1].warnings[1].field)
    assert.equal(KEY .. 'a', answer.files[1].warnings[1].job)
  end)

  it('renders what asks after an instance, and how it is ended', function()
    local file = write('health.lua', (file_of(service('h', [[
      health_check = HealthCheck { http = { endpoint = "/ok" }, interval_secs = 2.5 }]]))
      :gsub('exec sleep 1000', 'serve {{thermos.ports[health]}}')))
    local text = cli({ 'render', KEY .. 'h', file }).out
    assert.matches('every 2.5 s: GET http://127.0.0.1:31000/ok', text, 1, true)
    assert.matches('POST http://127.0.0.1:31000/quitquitquit, 5 s later', text, 1, true)
  end)

  it('shows secrets by their names', function()
    local file = write('secret.lua', file_of(service('a', 'env = { TOKEN = secret("door") }')))
    assert.matches('TOKEN +secret%("door"%)', cli({ 'inspect', KEY .. 'a', file }).out)
    assert.matches('TOKEN=secret("door")', cli({ 'render', KEY .. 'a', file }).out, 1, true)
  end)

  it('inspects every field in the words of the language', function()
    local file = write('web.lua', SERVER)
    local text = cli({ 'inspect', KEY .. 'web', file }).out
    for _, line in ipairs { 'job devcluster/www%-data/test/web', 'instances +2',
      'resources +cpu 0.5, ram 64 MB, disk 1 GB', 'cmdline +make\n +make install',
      'fetch %-> build %-> server', 'MODE +slow\n', 'min_duration +5 s',
      'port_names +admin, http' } do
      assert.matches(line, text)
    end
    local job = cjson.decode(cli({ 'inspect', KEY .. 'web', file, '--json' }).out)
    assert.equal('web', job.name)
  end)

  it('renders an instance: commands, ports, environment, order', function()
    local file = write('web.lua', SERVER)
    local result = cli { 'render', KEY .. 'web/1', file, '--host', 'h7' }
    assert.equal(0, result.status, result.err)
    for _, line in ipairs { 'web/1 on h7', 'http = 31001', 'serve 31001 31000', 'MODE=slow',
      'MODE=fast', 'fetch {{env[HOME]}}', "docker '{{.Id}}'", 'echo h7', '─ fetch',
      'build    after fetch', 'at the end, whatever happened', 'daemon, ephemeral' } do
      assert.matches(line, result.out, 1, true)
    end
    local answer = cjson.decode(cli({ 'render', KEY .. 'web', file, '--json' }).out)
    assert.equal(0, answer.instance)
    assert.equal(31000, answer.ports.admin)
    assert.equal('echo {{mesos.hostname}}', answer.processes[5].cmdline)
    assert.same({ 'build' }, answer.processes[3].after)
    assert.equal(3, answer.processes[3].step)
    assert.equal('slow', answer.processes[3].env.MODE)
    assert.equal('fast', answer.processes[1].env.MODE)
  end)

  it('lists parameters, also those that must be given', function()
    local file = write('params.lua', [[
local n = param("replicas", { type = "integer", default = 3, min = 1, max = 9, help = "how many" })
local zone = param("zone", { type = "string", choices = { "a", "b" } })
return { ]] .. service('p', 'instances = n') .. '}')
    local result = cli { 'params', file }
    assert.equal(0, result.status, result.err)
    assert.matches('replicas +integer +3 +1 to 9 +how many', result.out)
    assert.matches('zone +string +%(must be given%) +a or b', result.out)
    local list = cjson.decode(cli({ 'params', file, '--json' }).out)
    assert.equal('replicas', list[1].name)
    assert.equal('3', list[1].default)
    assert.is_true(list[2].required)
    assert.same({ 'a', 'b' }, list[2].choices)
    for _, option in ipairs { '--bind', '-p' } do
      local job = cli { 'inspect', KEY .. 'p', file, option, 'zone=a', '-p', 'replicas=7',
        '--json' }
      assert.equal(7, cjson.decode(job.out).instances)
    end
    assert.equal(3, cli({ 'check', file, '-p', 'zone=c' }).status)
  end)

  it('shows the calls of a Lua error only when asked', function()
    local file = write('broken.lua', [[
local function inner() return nil + 1 end
local function outer() return inner() end
return { outer() }]])
    local result = cli { 'check', file }
    assert.equal(3, result.status)
    assert.matches('broken.lua:1:', result.err, 1, true)
    assert.not_matches('traceback', result.err, 1, true)
    assert.matches('broken.lua:3: in main chunk', cli({ 'check', file, '--verbose' }).err, 1, true)
    local problem = cjson.decode(cli({ 'check', file, '--json' }).out).files[1].problems[1]
    assert.is_nil(problem.traceback)
    problem = cjson.decode(cli({ 'check', file, '--json', '-v' }).out).files[1].problems[1]
    assert.matches('stack traceback', problem.traceback, 1, true)
    assert.is_true(problem.runtime)
  end)

  it('reads files below --root', function()
    os.execute('mkdir -p ' .. dir .. '/root/jobs')
    write('root/shared.lua', 'cores = 0.25\n')
    local file = write('root/jobs/a.lua', 'local s = import "../shared.lua"\nreturn { '
      .. service('rooted', 'contact = "c" .. s.cores') .. '}')
    assert.equal(3, cli({ 'check', file }).status)
    local result = cli { 'check', file, '--root', dir .. '/root' }
    assert.equal(0, result.status, result.err)
    assert.equal(3, cli({ 'check', file, '--root', dir .. '/none' }).status)
  end)

  for _, case in ipairs {
    { { 'check' }, 6, 'usage: clusterctl check' },
    { { 'inspect', 'a/b', 'web.lua' }, 6, 'cluster/role/env/name' },
    { { 'inspect', KEY .. 'other', 'web.lua' }, 3, 'it has ' .. KEY .. 'web' },
    { { 'inspect', KEY .. 'web', 'web.lua', '--source' }, 6, 'leave the file out' },
    { { 'inspect', KEY .. 'web', 'none.lua' }, 3, 'none.lua' },
    { { 'render', KEY .. 'web/2', 'web.lua' }, 6, 'its instances are 0 to 1' },
    { { 'render', KEY .. 'web/0-1', 'web.lua' }, 6, 'one instance' },
    { { 'render', KEY .. 'web/x', 'web.lua' }, 6, 'x' },
    { { 'params', 'none.lua' }, 3, 'none.lua' },
    { { 'diff', KEY .. 'web', 'web.lua' }, 6, "no cluster called 'devcluster'" },
    { { 'plan', 'web.lua' }, 6, "no cluster called 'devcluster'" },
    { { 'plan', 'none.lua' }, 3, 'none.lua' },
    { { 'apply', 'none.lua' }, 3, 'none.lua' },
    { { 'apply', 'web.lua', '--batch-size', 'x' }, 6, 'batch size' },
    { { 'apply', 'twins.lua' }, 3, 'two jobs have the key' },
    { { 'plan', 'web.lua', '--prone' }, 6, 'did you mean --prune?' },
  } do
    it('refuses ' .. table.concat(case[1], ' '), function()
      write('web.lua', SERVER)
      write('twins.lua', file_of(service('one'), service('one')))
      local words = {}
      for i, word in ipairs(case[1]) do
        words[i] = word:find('%.lua$') and dir .. '/' .. word or word
      end
      local result = cli(words)
      assert.equal(case[2], result.status, result.out .. result.err)
      assert.matches(case[3], result.err, 1, true)
      assert.not_matches('stack traceback', result.err, 1, true)
    end)
  end
end)

describe('beside a cluster, clusterctl', function()
  local c
  setup(function() c = cluster.start() end)
  teardown(function() c:stop() end)

  it('plans, applies, and has nothing left to do', function()
    local file = c:file('pair.lua', file_of(service('one', 'instances = 2'), service('two')))
    local plan = c:cli { 'plan', file }
    assert.equal(1, plan.status, plan.err)
    assert.matches('create  ' .. KEY .. 'one  2 instances', plan.out, 1, true)
    assert.matches('2 to create, 0 to update', plan.out, 1, true)
    c:must { 'apply', file, '--wait-until', 'RUNNING', '--timeout', 20 }
    assert.equal('RUNNING', c:tasks(KEY .. 'one')[1].state)
    assert.matches('nothing to do', c:must { 'plan', file })
    assert.matches('nothing to do', c:must { 'apply', file })

    local before = c:tasks(KEY .. 'one')
    c:file('pair.lua', file_of(service('one', 'instances = 3'), service('two', 'contact = "me"')))
    local steps = cjson.decode(c:cli({ 'plan', file, '--json' }).out)
    assert.equal('scale', steps.steps[1].action)
    assert.equal('update', steps.steps[2].action)
    assert.same({ field = 'contact', after = 'me' }, steps.steps[2].changes[1])
    local two = c:tasks(KEY .. 'two')[0].task_id
    c:must { 'apply', file, '--wait-until', 'RUNNING', '--timeout', 20 }
    local after = c:tasks(KEY .. 'one')
    assert.equal(before[0].task_id, after[0].task_id)
    assert.equal('RUNNING', after[2].state)
    assert.equal(two, c:tasks(KEY .. 'two')[0].task_id, 'a contact restarts nothing')
    assert.equal('me', c:must({ 'inspect', KEY .. 'two', '--json' }).contact)

    c:file('pair.lua', file_of(service('one', 'instances = 3')))
    assert.matches('nothing to do', c:must { 'plan', file })
    assert.matches('remove  ' .. KEY .. 'two', c:cli({ 'plan', file, '--prune' }).out, 1, true)
    c:must { 'apply', file, '--prune', '--timeout', 20 }
    assert.equal(4, c:cli({ 'status', KEY .. 'two' }).status)
    c:must { 'killall', KEY .. 'one', '--timeout', 20 }
  end)

  it('prunes nothing that came from another file', function()
    c:must { 'apply', c:file('mine.lua', file_of(service('mine'))) }
    c:must { 'apply', c:file('theirs.lua', file_of(service('theirs'))), '--prune' }
    assert.is_not_nil(c:tasks(KEY .. 'mine')[0])
    c:must { 'killall', KEY .. 'mine', '--timeout', 20 }
    c:must { 'killall', KEY .. 'theirs', '--timeout', 20 }
  end)

  it('shows what would change, by instances, and rolls it out', function()
    local key = KEY .. 'roll'
    local file = c:file('roll.lua', file_of(service('roll', 'instances = 3')))
    local diff = c:cli { 'diff', key, file }
    assert.equal(1, diff.status)
    assert.matches('does not exist', diff.out, 1, true)
    assert.matches('instances 0-2 would be added', diff.out, 1, true)
    c:must { 'apply', file, '--wait-until', 'RUNNING', '--timeout', 20 }
    assert.matches('instances 0-2 would stay', c:must { 'diff', key, file }, 1, true)

    c:file('roll.lua', (file_of(service('roll', 'instances = 4')):gsub('1000', '2000')))
    diff = c:cli { 'diff', key, file }
    assert.equal(1, diff.status)
    assert.matches('instances 0-2 would be changed', diff.out, 1, true)
    assert.matches('task.processes[sleep].cmdline', diff.out, 1, true)
    assert.matches('- exec sleep 1000', diff.out, 1, true)
    assert.matches('+ exec sleep 2000', diff.out, 1, true)
    assert.matches('instance 3 would be added', diff.out, 1, true)
    assert.not_matches('\27', diff.out, 1, true)
    local seen = c:terminal { 'diff', key, file }
    assert.matches('\27[31m- exec sleep 1000\27[0m', seen, 1, true)
    assert.matches('\27[32m+ exec sleep 2000\27[0m', seen, 1, true)
    local answer = cjson.decode(c:cli({ 'diff', key, file, '--json' }).out)
    assert.equal('0-2', answer.change[1].instances)
    assert.equal('exec sleep 2000', answer.change[1].fields[1].after)
    assert.equal('3', answer.add)

    local before = c:tasks(key)
    c:must { 'apply', file, '--batch-size', 2, '--wait-until', 'RUNNING', '--timeout', 30 }
    local after = c:tasks(key)
    for i = 0, 3 do
      assert.equal('RUNNING', after[i].state)
      assert.is_true(before[i] == nil or before[i].task_id ~= after[i].task_id)
    end
    assert.equal(4, #c:pids('sleep 2000'))
    assert.same({}, c:pids('sleep 1000'))
    assert.equal(0, c:cli({ 'diff', key, file }).status)
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('rolls on when client and scheduler are gone', function()
    local key = KEY .. 'steady'
    local file = c:file('steady.lua', file_of(service('steady', 'instances = 4')))
    c:must { 'apply', file, '--wait-until', 'RUNNING', '--timeout', 20 }
    c:file('steady.lua', (file_of(service('steady', 'instances = 4')):gsub('1000', '3000')))
    c:must { 'apply', file }
    for _, pid in ipairs(c:pids('perigee%-aurora')) do cluster.kill(pid) end
    c:up()
    c:must { 'wait', key, '--timeout', 30 }
    run.eventually(60, 'four of the new version', function() return #c:pids('sleep 3000') == 4 end)
    assert.same({}, c:pids('sleep 1000'))
    assert.equal(0, c:cli({ 'diff', key, file }).status)
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('stops a bad version at its first batch; aborted, a good one takes over', function()
    local key = KEY .. 'bad'
    local file = c:file('bad.lua', file_of(service('bad', 'instances = 2')))
    c:must { 'apply', file, '--wait-until', 'RUNNING', '--timeout', 20 }
    c:file('bad.lua', (file_of(service('bad', 'instances = 2')):gsub('cpu = 0.1', 'cpu = 500')))
    c:must { 'apply', file }
    run.eventually(20, 'one old and one waiting', function()
      local tasks = c:tasks(key)
      return tasks[0] and tasks[1]
        and (tasks[0].state == 'PENDING' or tasks[1].state == 'PENDING')
    end)
    local diff = c:cli { 'diff', key, c:file('good.lua', file_of(service('bad', 'instances = 2'))) }
    assert.matches('instance [01] would be changed', diff.out)
    assert.matches('instance [01] would stay as', diff.out)
    local refused = c:cli { 'apply', c.dir .. '/good.lua' }
    assert.equal(4, refused.status)
    assert.matches('clusterctl update abort ' .. key, refused.err, 1, true)
    c:must { 'update', 'abort', key }
    c:must { 'apply', c.dir .. '/good.lua', '--wait-until', 'RUNNING', '--timeout', 20 }
    assert.equal(0, c:cli({ 'diff', key, c.dir .. '/good.lua' }).status)
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('refuses to change a batch job, before it does anything', function()
    local job = file_of(service('batch')):gsub('Service', 'Job')
    c:must { 'apply', c:file('batch.lua', job) }
    local file = c:file('batch.lua', (job:gsub('1000', '500'):gsub('^return {', 'return { '
      .. service('new') .. ', ')))
    local plan = c:cli { 'plan', file }
    assert.matches('stuck', plan.out, 1, true)
    local result = c:cli { 'apply', file }
    assert.equal(4, result.status)
    assert.matches('nothing was done', result.err, 1, true)
    assert.matches('killall', result.err, 1, true)
    assert.not_equal(0, c:cli({ 'status', KEY .. 'new' }).status)
    c:must { 'killall', KEY .. 'batch', '--timeout', 20 }
  end)

  it('runs a batch job again when it has ended and differs', function()
    local key = KEY .. 'short'
    local job = file_of(service('short')):gsub('Service', 'Job'):gsub('exec sleep 1000', 'true')
    local file = c:file('short.lua', job)
    c:must { 'apply', file, '--wait-until', 'FINISHED', '--timeout', 20 }
    assert.matches('nothing to do', c:must { 'apply', file })
    c:file('short.lua', (job:gsub('"true"', '"echo again"')))
    assert.matches('create  ' .. key, c:cli({ 'plan', file }).out, 1, true)
    c:must { 'apply', file, '--wait-until', 'FINISHED', '--timeout', 20 }
    assert.equal('again\n', c:must { 'logs', key .. '/0' })
  end)

  it('creates anew what is on its way out', function()
    local key = KEY .. 'phoenix'
    local file = c:file('phoenix.lua', file_of(service('phoenix')))
    c:must { 'apply', file, '--wait-until', 'RUNNING', '--timeout', 20 }
    local before = c:tasks(key)[0].task_id
    c:must { 'killall', key, '--no-wait' }
    c:must { 'apply', file, '--wait-until', 'RUNNING', '--timeout', 20 }
    assert.not_equal(before, c:tasks(key)[0].task_id)
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('shows the source of what runs', function()
    local file = c:file('source.lua', '-- a comment\nlocal s = import "lib/part.lua"\n'
      .. file_of(service('source', 'contact = s.who')))
    os.execute('mkdir -p ' .. c.dir .. '/lib')
    c:file('lib/part.lua', 'who = param("who", { type = "string" })\n')
    c:must { 'create', KEY .. 'source', file, '-p', 'who=me' }
    local text = c:must { 'inspect', '--source', KEY .. 'source' }
    assert.matches('-- parameter who = me', text, 1, true)
    assert.matches('-- lib/part.lua, ', text, 1, true)
    assert.matches('-- a comment', text, 1, true)
    local source = c:must { 'inspect', KEY .. 'source', '--source', '--json' }
    assert.equal('source.lua', source.entry)
    assert.equal('me', source.parameters.who)
    assert.equal(2, #source.files)
    local stored = c:must { 'inspect', KEY .. 'source' }
    assert.matches('contact +me', stored)
    assert.equal(4, c:cli({ 'inspect', '--source', KEY .. 'none' }).status)
    c:must { 'killall', KEY .. 'source', '--timeout', 20 }
  end)
end)
