-- What the objects of job files mean: what becomes of what is written, of what
-- is left out, and of Aurora's names for the same.
local cjson = require 'cjson'
local evaluate = require 'lua.evaluate'

local HEAD = 'cluster = "c", role = "r", environment = "test", name = "j", '
local PLAIN = 'task = SimpleTask("t", "true"), '
local PORTS = 'task = SimpleTask("t", "serve {{thermos.ports[http]}} {{thermos.ports[admin]}}"), '
local HTTP = 'task = SimpleTask("t", "serve {{thermos.ports[http]}}"), '
local HEALTH = 'task = SimpleTask("t", "serve {{thermos.ports[health]}}"), '

local function job(fields, before)
  return evaluate.jobs((before or '') .. ' return { Job { ' .. HEAD .. fields .. ' } }')[1]
end

-- What several spellings of one thing become; they must be the same.
local function same(spellings, field)
  local first
  for _, fields in ipairs(spellings) do
    local got = job(fields)[field]
    first = first or got
    assert.same(first, got, fields)
  end
  return first
end

describe('an update', function()
  it('has the documented defaults', function()
    assert.same({
      strategy = 'QUEUE', batch_size = 1, watch_secs = 45, max_per_shard_failures = 0,
      max_total_failures = 0, rollback_on_failure = true, sla_aware = false,
    }, same({ PLAIN .. 'update = Update {}', PLAIN .. 'update = {}',
      PLAIN .. 'update_config = UpdateConfig {}' }, 'update'))
    assert.is_nil(job(PLAIN).update)
  end)

  it('goes by strategies', function()
    local function strategy(text)
      local update = job(PLAIN .. 'instances = 9, update = { ' .. text .. ' }').update
      return { update.strategy, update.batch_size, update.batch_sizes,
        update.autopause_after_batch }
    end
    assert.same({ 'QUEUE', 3 }, strategy 'batch_size = 3')
    assert.same({ 'QUEUE', 3 }, strategy 'strategy = QueueUpdateStrategy { batch_size = 3 }')
    assert.same({ 'BATCH', 3, nil, false },
      strategy 'batch_size = 3, wait_for_batch_completion = true')
    assert.same({ 'BATCH', 3, nil, true }, strategy [[update_strategy =
      BatchUpdateStrategy { batch_size = 3, autopause_after_batch = true }]])
    assert.same({ 'VARIABLE_BATCH', 1, { 1, 2, 4 }, false }, strategy
      'update_strategy = VariableBatchUpdateStrategy { batch_sizes = { 1, 2, 4 } }')
    local surge = job(PLAIN .. 'update = { strategy = Surge { maximum_over_capacity = 0.25 } }')
    assert.equal('SURGE', surge.update.strategy)
    assert.equal(1000, surge.update.minimum_health_capacity_milli)
    assert.equal(250, surge.update.maximum_over_capacity_milli)
  end)

  it('keeps its size when copied', function()
    local update = job(PLAIN .. 'update = u { batch_size = 4 }, instances = 5',
      'local u = Update { wait_for_batch_completion = true, batch_size = 2 }').update
    assert.equal(4, update.batch_size)
    assert.equal('BATCH', update.strategy)
  end)

  it('may begin with a canary', function()
    assert.same({ instances = 1, watch_secs = 300, max_failures = 0 },
      job(PLAIN .. 'update = { canary = {} }').update.canary)
  end)
end)

describe('a health check', function()
  it('has the documented defaults', function()
    assert.same({
      http = { port = 'health', endpoint = '/health', expected_response = 'ok',
        expected_response_code = 0 },
      initial_interval_ms = 15000, interval_ms = 10000, timeout_ms = 1000,
      max_consecutive_failures = 0, min_consecutive_successes = 1,
    }, same({ HEALTH .. 'health_check = HealthCheck {}', HEALTH .. 'health_check = {}',
      HEALTH .. 'health_check_config = HealthCheckConfig {}', HEALTH }, 'health_check'))
  end)

  it('is none without a port health', function()
    assert.is_nil(job(HTTP).health_check)
    assert.is_nil(job(PLAIN).health_check)
  end)

  it('finds its port', function()
    local function port(task, more)
      return job(task .. 'health_check = { http = {} }, ' .. (more or '')).health_check.http.port
    end
    assert.equal('health', port(HEALTH))
    assert.equal('http', port(HTTP))
    assert.equal('admin', port(PORTS, 'announce = { primary_port = "admin" }'))
    assert.equal('health', port(PORTS, [[announce = { primary_port = "admin",
      portmap = { health = "http" } }]]))
  end)

  it('is of four kinds', function()
    assert.equal('http', job(HTTP .. 'health_check = { tcp = "http" }').health_check.tcp.port)
    assert.equal('http', job(HTTP .. 'health_check = { tcp = {} }').health_check.tcp.port)
    local shell = same({
      PLAIN .. 'health_check = { shell = "test -e ok" }',
      PLAIN .. 'health_check = { shell = { shell_command = "test -e ok" } }',
      PLAIN .. [[health_check_config = HealthCheckConfig { health_checker = HealthCheckerConfig {
        shell = ShellHealthChecker { shell_command = "test -e ok" } } }]],
    }, 'health_check')
    assert.same({ shell_command = 'test -e ok', raw = false }, shell.shell)
    assert.is_nil(shell.http)
    local lua = same({
      PLAIN .. 'health = function(ctx) return true end',
      PLAIN .. 'health_check = { lua = function(ctx) return true end }',
    }, 'health_check')
    assert.equal(1, lua.lua.ordinal)
    assert.equal('f.lua', lua.lua.file)
  end)

  it('names ports in its command', function()
    assert.same({ 'admin', 'http' },
      job(HTTP .. 'health_check = { shell = "curl :{{thermos.ports[admin]}}" }').port_names)
    assert.same({ 'http' },
      job(HTTP .. 'health_check = { shell = raw "curl :{{thermos.ports[admin]}}" }').port_names)
  end)

  it('counts parts of seconds', function()
    local check = job(HTTP .. 'health_check = { interval_secs = 0.25, timeout_secs = 1.5 }')
      .health_check
    assert.equal(250, check.interval_ms)
    assert.equal(1500, check.timeout_ms)
    assert.equal('15', evaluate.value('', 'HealthCheck {}.initial_interval_secs'))
    assert.equal('0.5', evaluate.value('', 'HealthCheck { timeout_secs = 0.5 }.timeout_secs'))
  end)
end)

describe('a lifecycle', function()
  local DEFAULT = { port = 'health', graceful_shutdown_endpoint = '/quitquitquit',
    graceful_shutdown_wait_secs = 5, shutdown_endpoint = '/abortabortabort',
    shutdown_wait_secs = 5 }

  it('asks over HTTP on the port health', function()
    assert.same(DEFAULT, same({ HEALTH, HEALTH .. 'lifecycle = { http = {} }',
      HEALTH .. 'lifecycle = LifecycleConfig { http = HttpLifecycleConfig {} }' }, 'lifecycle'))
    assert.is_nil(job(HTTP).lifecycle)
  end)

  it('is switched off', function()
    assert.same({}, same({ HEALTH .. 'lifecycle = DisableLifecycle',
      HEALTH .. 'lifecycle = LifecycleConfig {}' }, 'lifecycle'))
  end)

  it('asks where it is told', function()
    local lifecycle = job(HTTP .. [[lifecycle = { http = { port = "http",
      shutdown_endpoint = "/die", shutdown_wait_secs = 456 } }]]).lifecycle
    assert.equal('http', lifecycle.port)
    assert.equal('/die', lifecycle.shutdown_endpoint)
    assert.equal(456, lifecycle.shutdown_wait_secs)
  end)
end)

-- Cases 58 and 59 of the reference.
describe('an announcer', function()
  it('has the name aurora for the primary port', function()
    assert.same({ primary_port = 'http', portmap = { { name = 'aurora', target = 'http' } } },
      job(HTTP .. 'announce = Announcer {}').announce)
  end)

  it('makes aliases that are no ports of their own', function()
    local got = job(HTTP .. 'announce = { primary_port = "web", portmap = { web = "http" } }')
    assert.same({ 'http' }, got.port_names)
    got = job(PORTS .. 'announce = { portmap = { aurora = "http", admin = "http" } }')
    assert.same({ 'http' }, got.port_names)
    got = job(HTTP .. 'announce = { portmap = { metrics = "stats" } }')
    assert.same({ 'http', 'stats' }, got.port_names)
  end)

  it('takes numbers on dedicated hosts, and they need no port', function()
    local OWN = 'constraints = { dedicated = "r/x" }, '
    local got = job(PORTS .. OWN .. [[announce = { primary_port = "aurora",
      portmap = { aurora = "health", health = 8300, http = 8080 } }]])
    assert.same({ 'admin' }, got.port_names)
    assert.same({ name = 'health', port = 8300 }, got.announce.portmap[2])
    got = job(PLAIN .. OWN .. [[announce = { primary_port = "health",
      portmap = { aurora = "health", health = 8300 } }]])
    assert.is_nil(got.port_names)
  end)
end)

describe('a container', function()
  it('is written in several ways', function()
    assert.same({ docker = { image = 'nginx' } }, same({
      PLAIN .. 'container = Docker { image = "nginx" }',
      PLAIN .. 'container = Container { docker = Docker { image = "nginx" } }',
      PLAIN .. 'container = Container { docker = { image = "nginx" } }',
    }, 'container'))
    assert.same({ image = { kind = 'DOCKER', name = 'a', tag = 'b' } }, same({
      PLAIN .. 'container = Mesos { image = DockerImage { name = "a", tag = "b" } }',
      PLAIN .. [[container = Container { mesos =
        Mesos { image = Image { name = "a", tag = "b" } } }]],
      PLAIN .. 'container = Container { image = DockerImage { name = "a", tag = "b" } }',
    }, 'container'))
    assert.same({ kind = 'APPC', name = 'a', image_id = 'b' },
      job(PLAIN .. 'container = Mesos { image = AppcImage { name = "a", image_id = "b" } }')
        .container.image)
  end)

  it('has volumes and parameters', function()
    local container = job(PLAIN .. [[container = Container {
      docker = { image = "a", parameters = { { name = "v", value = "1" },
        Parameter { name = "v", value = "2" } } },
      volumes = { { container_path = "/a", host_path = "/b", mode = Mode "RO" },
        Volume { container_path = "/d", name = "data", size = 1.5*MB } } }]]).container
    assert.same({ { name = 'v', value = '1' }, { name = 'v', value = '2' } },
      container.docker.parameters)
    assert.same({ { container_path = '/a', host_path = '/b', mode = 'RO' },
      { container_path = '/d', name = 'data', size_bytes = 1 << 20, mode = 'RW' } },
      container.volumes)
  end)
end)

describe('a cron job', function()
  it('is written in two ways', function()
    assert.same({ schedule = '15 3 * * *', collision_policy = 'CANCEL_NEW', retries = 0,
      catch_up = 'NONE' }, same({
      PLAIN .. 'cron = Cron { schedule = "15 3 * * *", collision_policy = "CANCEL_NEW" }',
      PLAIN .. 'cron_schedule = "15 3 * * *", cron_collision_policy = "CANCEL_NEW"',
    }, 'cron'))
    assert.equal('KILL_EXISTING',
      job(PLAIN .. 'cron_schedule = "* * * * *"').cron.collision_policy)
  end)

  it('is read and copied by both names', function()
    local J = 'local j = Job { ' .. HEAD .. PLAIN .. 'cron_schedule = "1 2 * * *" } '
    assert.equal('1 2 * * *', evaluate.value(J, 'j.cron.schedule'))
    assert.equal('1 2 * * *', evaluate.value(J, 'j.cron_schedule'))
    assert.equal('KILL_EXISTING', evaluate.value(J, 'j.cron_collision_policy'))
    assert.equal('1 2 * * * CANCEL_NEW', evaluate.value(J
      .. 'local k = j { cron_collision_policy = "CANCEL_NEW" } ',
      'k.cron_schedule .. " " .. k.cron.collision_policy'))
    assert.equal('KILL_EXISTING', evaluate.value(J
      .. 'local k = j { cron_schedule = "* * * * *" } ', 'j.cron.collision_policy'))
    assert.equal('nil', evaluate.value(J, 'j { cron = unset }.cron_schedule'))
    assert.equal('nil', evaluate.value(J, 'j { cron_schedule = unset }.cron'))
  end)

  it('repeats in intervals, in a zone, behind others', function()
    local cron = job(PLAIN .. [[cron = Cron { schedule = "R5/2026-11-20T22:00:00/PT10M",
      timezone = "Europe/Paris", epsilon = 10*mins, retries = 2, catch_up = "LAST" }]]).cron
    assert.equal('Europe/Paris', cron.timezone)
    assert.equal(600, cron.epsilon_secs)
    assert.equal(2, cron.retries)
    assert.same({ 'c/r/test/a' }, job(PLAIN .. 'cron = Cron { after = "c/r/test/a" }').cron.after)
  end)
end)

describe('policies', function()
  it('of service levels', function()
    assert.same({ count = 2, duration_secs = 60 }, same({
      PLAIN .. 'instances = 3, sla_policy = CountSlaPolicy { count = 2, duration_secs = 60 }',
      PLAIN .. 'instances = 3, sla = Sla { count = 2, duration_secs = 1*mins }' }, 'sla_policy'))
    assert.equal(90500, job(PLAIN .. [[instances = 20, sla_policy =
      PercentageSlaPolicy { percentage = 90.5, duration_secs = 0 }]]).sla_policy.percentage_milli)
    assert.same({ coordinator_url = 'http://x/', status_key = 'drain' }, job(PLAIN
      .. 'sla_policy = CoordinatorSlaPolicy { coordinator_url = "http://x/" }').sla_policy)
  end)

  it('of partitions', function()
    assert.same({ reschedule = true, delay_secs = 5 }, same({
      PLAIN .. 'partition_policy = PartitionPolicy { delay_secs = 5 }',
      PLAIN .. 'partition = Partition { delay_secs = 5 }',
      PLAIN .. 'partition = { delay_secs = 5 }' }, 'partition_policy'))
  end)
end)

describe('a job', function()
  it('has functions of its file', function()
    local got = job(PLAIN .. [[rank = function(host) return 1 end,
      place = function(host) return true end,
      notify = Notify { on = "failed", script = function(event) return {} end }]])
    local lines = {}
    for _, f in ipairs { got.place, got.rank, got.notify[1].script } do
      lines[f.ordinal] = f.line
    end
    assert.same({ 2, 1, 3 }, lines)
  end)

  it('has every operator of constraints', function()
    local got = job(PLAIN .. [[constraints = { a = unique(), b = cluster_on(), c = cluster_on("x"),
      d = group_by(), e = group_by(3), f = like("r[0-9]+"), g = unlike("q"), h = max_per(2),
      dedicated = dedicated("r/x") }]])
    local list = {}
    for _, one in ipairs(got.constraints) do
      local limit = one.limit and ('%d'):format(one.limit) or ''
      list[one.attribute] = one.kind .. ' ' .. table.concat(one.values or {}) .. limit
    end
    assert.same({ a = 'UNIQUE ', b = 'CLUSTER ', c = 'CLUSTER x', d = 'GROUP_BY ',
      e = 'GROUP_BY 3', f = 'LIKE r[0-9]+', g = 'UNLIKE q', h = 'MAX_PER 2',
      dedicated = 'ONE_OF r/x' }, list)
  end)

  it('may have a label twice, with two values', function()
    assert.same({ { key = 'a', value = '1' }, { key = 'a', value = '2' } },
      job(PLAIN .. [[metadata = { { key = "a", value = "2" }, { key = "a", value = "1" },
        Metadata { key = "a", value = "2" } }]]).metadata)
  end)

  it('takes secrets for variables', function()
    assert.same({ { name = 'A', secret = 'db' }, { name = 'B', value = 'x' } },
      job(PLAIN .. 'env = Env { A = secret("db"), B = "x" }').env)
    assert.equal('secret', evaluate.value('', 'Env { A = secret("db") }.A'))
  end)

  it('says an executor of its own', function()
    assert.same({ name = 'AuroraExecutor', data = '' },
      job(PLAIN .. 'executor_config = {}').executor_config)
  end)
end)

describe('tasks', function()
  local TWO = [[
    local function P(name, more)
      return Process { name = name, cmdline = "true" } (more or {})
    end
    local a = Task { name = "A", processes = { P "a", P "b" }, finalization_wait = 10,
      constraints = order("a", "b"),
      resources = Resources { cpu = 0.1, ram = 30*MB, disk = 20*MB } }
    local b = Task { name = "B", processes = { P "b", P "c" }, max_failures = 7,
      resources = Resources { cpu = 0.2, ram = 10*MB, disk = 40*MB, gpu = 1 } } ]]

  local function made(expression)
    return job('task = ' .. expression, TWO).task
  end

  local function shape(task)
    local names, orders = {}, {}
    for i, process in ipairs(task.processes) do names[i] = process.name end
    for i, chain in ipairs(task.constraints or {}) do orders[i] = table.concat(chain.order, '<') end
    return table.concat(names, ' ') .. ' / ' .. table.concat(orders, ' ')
  end

  it('are combined: resources summed, the longest wait', function()
    for _, call in ipairs { 'Tasks.combine(a, b)', 'combine_tasks { a, b }' } do
      local task = made(call)
      assert.equal('a b c / a<b', shape(task))
      assert.same({ cpu_milli = 300, ram_bytes = 40 << 20, disk_bytes = 60 << 20, gpu = 1 },
        task.resources)
      assert.equal(30, task.finalization_wait)
      assert.equal('B', task.name)
      assert.equal(7, task.max_failures)
    end
  end)

  it('are concatenated: the most resources, waits summed, all before all', function()
    local task = made('Tasks.concat(a, b { processes = { P "c", P "d" } }, { name = "C" })')
    assert.equal('a b c d / a<b a<c a<d b<c b<d', shape(task))
    assert.same({ cpu_milli = 200, ram_bytes = 30 << 20, disk_bytes = 40 << 20, gpu = 1 },
      task.resources)
    assert.equal(40, task.finalization_wait)
    assert.equal('C', task.name)
  end)

  it('leave final processes to the end', function()
    local task = made [[concat_tasks(a { processes = { P "a", P("f", { final = true }) },
      constraints = unset }, b)]]
    assert.equal('a f b c / a<b a<c', shape(task))
  end)

  it('are made sequential and simple', function()
    assert.equal('b c / b<c', shape(made 'Tasks.sequential(b)'))
    assert.equal('x / ', shape(made 'Tasks.simple("x", "true")'))
    local _, output = evaluate.problems(TWO .. 'local t = Tasks.sequential(a) return {}')
    assert.matches('f.lua:%d+: Tasks.sequential: the task has an order already', output)
    _, output = evaluate.problems(TWO .. 'local t = Tasks.combine(a, 5) return {}')
    assert.matches('Tasks.combine: value 2 is a number: want a Task', output, 1, true)
    _, output = evaluate.problems(TWO .. 'local t = Tasks.concat() return {}')
    assert.matches('Tasks.concat: want tasks, or a list of tasks', output, 1, true)
  end)

  it('with problems stay quiet when combined', function()
    local list = evaluate.problems([[local a = SimpleTask("a", "true")
      local b = Task { name = "b", processes = {}, resources = 5 }
      local c = Tasks.combine(a, b)
      return { Job { cluster = "c", role = "r", environment = "test", task = c } }]])
    assert.equal(2, #list)
  end)

  it('are made of lists of processes', function()
    assert.equal('a b c / ', shape(made(
      'Task { processes = Processes.combine(a.processes, P "c"), resources = a.resources }')))
    assert.equal('a b c / a<b<c', shape(made([[Task { resources = a.resources,
      processes = { P "a", P "b", P "c" },
      constraints = Processes.concat(P "a", { P "b", P "c" }) }]])))
    assert.equal('a b / b<a', shape(made 'a { constraints = Processes.order("b", "a") }'))
  end)
end)

describe('options', function()
  it('are rendered as java and python take them', function()
    local function is(want, expression)
      assert.equal(want, evaluate.value('', expression))
    end
    is('-a -b', 'java_options("a", "b")')
    is('-a 23 -b foo', 'java_options { a = 23, b = "foo" }')
    is('-a -boo foo', 'Options.java("a", { boo = "foo" })')
    is('-a --boo', 'python_options("a", "boo")')
    is('-a 23 --boo foo', 'python_options { a = 23, boo = "foo" }')
    is('-x --boo 0', 'Options.python { "x", boo = 0 }')
    is('-v', 'python_options { v = true, w = false }')
    is('', 'java_options()')
  end)

  it('refuse what is no option', function()
    local _, output = evaluate.problems 'local x = java_options { a = {} } return {}'
    assert.matches("f.lua:1: option 'a' is a table: want a string or a number", output, 1, true)
    _, output = evaluate.problems 'local x = python_options(5) return {}'
    assert.matches('an option has a number for a name: want a string', output, 1, true)
  end)
end)

describe('a file', function()
  local J = [[local function job(name) return Job { cluster = "c", role = "r",
    environment = "test", name = name, task = SimpleTask("t", "true") } end
    local a, b = job "a", job "b" ]]

  local function besides(text)
    local output, status = evaluate.text(J .. text, '--groups')
    assert.equal(0, status, output)
    local list = {}
    for object in (output .. '\n'):gmatch('(%b{})\n') do list[#list + 1] = cjson.decode(object) end
    return list
  end

  it('gives groups, whose jobs are its jobs', function()
    local text = [[return { Group { name = "g", jobs = { a,
      Group { name = "h", jobs = { b }, depends_on = a } } }, a } ]]
    assert.same({ { name = 'g', jobs = { 'c/r/test/a' }, groups = {
      { name = 'h', jobs = { 'c/r/test/b' }, depends_on = { 'a' } } } } }, besides(text))
    local names = {}
    for i, one in ipairs(evaluate.jobs(J .. text)) do names[i] = one.name end
    assert.same({ 'a', 'b' }, names)
  end)

  it('has groups that are not too deep', function()
    local text = J .. [[local g = a for i = 1, %d do g = Group { name = "g", jobs = { g } } end
      return { g }]]
    assert.equal(1, #evaluate.jobs(text:format(16)))
    local _, output = evaluate.problems(text:format(17))
    assert.matches('groups nested more than 16 deep', output, 1, true)
  end)

  it('gives quotas, roles and users', function()
    assert.same({
      { role = 'r', parent = 'p', production = { cpu_milli = 1500, ram_bytes = 1 << 30 },
        all = { tasks = 9 } },
      { name = 'r', weight_milli = 2000, users = { 'ada' } },
      { name = 'ada', roles = { 'r' }, permissions = { 'jobs:*' } },
    }, besides [[return { Role { name = "r", weight = 2, users = { "ada" } }, a,
      Quota { role = "r", parent = "p", production = QuotaAmounts { cpu = 1.5, ram = 1*GB },
        all = QuotaAmounts { tasks = 9 } },
      User { name = "ada", roles = { "r" }, permissions = { "jobs:*" } } }]])
  end)
end)
