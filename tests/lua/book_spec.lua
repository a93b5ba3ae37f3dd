-- The configuration examples of the two books, as job files: each is evaluated
-- and checked field by field.
local evaluate = require 'lua.evaluate'
local cjson = require 'cjson'
local has = require 'lua.subset'

local MB, GB = 1 << 20, 1 << 30

-- Jobs of a file, by name, and how many there are.
local function jobs(name, flags)
  local output, status = evaluate.file(('configs/examples/book/%s.lua'):format(name), flags)
  assert(status == 0, output)
  local by_name, count = {}, 0
  for _, job in ipairs(cjson.decode(output).job) do
    by_name[job.name] = job
    count = count + 1
  end
  return by_name, count
end

local function amounts(cpu_milli, ram_bytes, disk_bytes)
  return { cpu_milli = cpu_milli, ram_bytes = ram_bytes, disk_bytes = disk_bytes }
end

local function key(cluster, role, environment, name)
  return { cluster = cluster, role = role, environment = environment, name = name }
end

local function with(one, more)
  for name, value in pairs(more) do one[name] = value end
  return one
end

local function only(list, name)
  assert.equal(1, select(2, list()))
  return (list())[name]
end

local function one(file, name, flags)
  return only(function() return jobs(file, flags) end, name)
end

it('hello world: a package that travels by its hash, two processes in order', function()
  local job = one('hello_world', 'hello_world')
  has(with(key('devcluster', 'www-data', 'devel', 'hello_world'), {
    service = true, instances = 1,
    task = {
      name = 'fetch_package',
      processes = {
        { name = 'fetch_package', cmdline = 'chmod +x hello_world.sh' },
        { name = 'hello_world', cmdline = './hello_world.sh' },
      },
      constraints = { { order = { 'fetch_package', 'hello_world' } } },
      resources = amounts(1000, 1 * MB, 8 * MB),
      fetch = { { uri = 'hello_world.sh', asset = true, output = 'hello_world.sh' } },
    },
  }), job)
  local pipe = assert(io.popen('sha256sum configs/examples/book/hello_world.sh'))
  assert.equal(pipe:read('a'):match('^%x+'), job.task.fetch[1].sha256)
  pipe:close()
end)

it('rails service: constraints in the spelling of Aurora', function()
  local job = one('rails_service', 'rails')
  has(with(key('devcluster', 'www-data', 'prod', 'rails'), {
    service = true, instances = 10, port_names = { 'http' },
    task = { resources = amounts(500, 32 * MB, 64 * MB) },
    container = { docker = { image = 'example/rails:4.2' } },
  }), job)
  local by_name = {}
  for _, constraint in ipairs(job.constraints) do by_name[constraint.attribute] = constraint end
  assert.same({ attribute = 'type', kind = 'ONE_OF', values = { 'public' } }, by_name.type)
  assert.same({ attribute = 'rack_id', kind = 'LIMIT', limit = 3 }, by_name.rack_id)
  assert.same({ attribute = 'host', kind = 'LIMIT', limit = 1 }, by_name.host)
  assert.equal(3, #job.constraints)
end)

it('rails app: the operators of Marathon', function()
  local list, count = jobs 'rails_app'
  assert.equal(7, count)
  local wanted = {
    rails_cluster = { attribute = 'rack_id', kind = 'CLUSTER', values = { 'rack-1' } },
    rails_group_by = { attribute = 'rack_id', kind = 'GROUP_BY', limit = 3 },
    rails_max_per = { attribute = 'rack_id', kind = 'MAX_PER', limit = 3 },
    rails_unique = { attribute = 'host', kind = 'UNIQUE' },
    rails_like = { attribute = 'rack_id', kind = 'LIKE', values = { 'rack-[1-3]' } },
    rails_unlike = { attribute = 'rack_id', kind = 'UNLIKE', values = { 'rack-[7-9]' } },
  }
  for name, constraint in pairs(wanted) do
    has({ instances = 10, service = true, constraints = { constraint } }, list[name], name)
  end
  assert.equal(3, #list.rails_app.constraints)
end)

it('database: dedicated machines and a persistent volume', function()
  has(with(key('devcluster', 'db', 'prod', 'data'), {
    service = true, instances = 1,
    constraints = { { attribute = 'dedicated', kind = 'ONE_OF', values = { 'db/data' } } },
    container = { volumes = { {
      container_path = '/data', name = 'data', size_bytes = 128 * MB, mode = 'RW',
    } } },
    task = {
      processes = { { name = 'db', cmdline = 'exec ./db.sh data' } },
      resources = amounts(1000, 512 * MB, 128 * MB),
      fetch = { { uri = 'db.sh', executable = true, asset = true } },
    },
  }), one('database', 'data'))
end)

it('announced application: the primary port under two names', function()
  has(with(key('devcluster', 'www', 'prod', 'app'), {
    service = true, port_names = { 'http' },
    announce = { primary_port = 'http', portmap = { { name = 'aurora', target = 'http' } } },
    task = { resources = amounts(500, 32 * MB, 16 * MB) },
  }), one('announced', 'app'))
end)

it('health-checked application: asked on the port health, told to end over HTTP', function()
  has(with(key('devcluster', 'www', 'prod', 'checked'), {
    instances = 2, port_names = { 'health', 'http' },
    health_check = {
      http = { port = 'health', endpoint = '/health', expected_response = 'ok',
        expected_response_code = 200 },
      initial_interval_ms = 60000, interval_ms = 10000, timeout_ms = 2000,
      max_consecutive_failures = 3, min_consecutive_successes = 1,
    },
    lifecycle = {
      port = 'health', graceful_shutdown_endpoint = '/quitquitquit',
      shutdown_endpoint = '/abortabortabort',
      graceful_shutdown_wait_secs = 5, shutdown_wait_secs = 5,
    },
  }), one('health_checked', 'checked'))
end)

it('OutputEnv: download, extract, run, three times', function()
  local job = one('outputenv', 'outputenv')
  has(with(key('devcluster', 'www-data', 'prod', 'outputenv'), {
    service = true, instances = 3, port_names = { 'http' },
    task = {
      processes = {
        { name = 'download',
          cmdline = 'curl -fsSL -o app.tar.gz https://example.org/output-env-app.tar.gz' },
        { name = 'extract', cmdline = 'tar zxf app.tar.gz' },
        { name = 'run' },
      },
      constraints = { { order = { 'download', 'extract', 'run' } } },
      resources = amounts(100, 128 * MB, 1 * GB),
    },
  }), job)
  assert.matches('PORT={{thermos.ports[http]}} bundle exec ruby app.rb',
    job.task.processes[3].cmdline, 1, true)
  local other = one('outputenv', 'outputenv', '-p tarball=http://files/app.tar.gz')
  assert.matches(' http://files/app.tar.gz$', other.task.processes[1].cmdline)
end)

it('nginx in Docker, both ways', function()
  local list, count = jobs 'docker_nginx'
  assert.equal(2, count)
  has(with(key('devcluster', 'www-data', 'prod', 'docker-nginx'), {
    service = true, instances = 1, port_names = { 'http' },
    task = {
      processes = { { name = 'docker-run-nginx',
        cmdline = 'exec docker run --rm -p {{thermos.ports[http]}}:80 nginx:1.9' } },
      resources = amounts(100, 128 * MB, 1 * GB),
    },
  }), list['docker-nginx'])
  assert.is_nil(list['docker-nginx'].container)
  has(with(key('devcluster', 'www-data', 'prod', 'nginx-container'), {
    service = true, instances = 1, port_names = { 'http' },
    container = { docker = { image = 'nginx:1.9' } },
    task = { resources = amounts(500, 64 * MB, 1 * GB) },
  }), list['nginx-container'])
end)

it('simple-sleep: every five minutes', function()
  has(with(key('devcluster', 'www-data', 'prod', 'simple-sleep'), {
    service = false, instances = 1,
    cron = { schedule = '*/5 * * * *', collision_policy = 'KILL_EXISTING' },
    task = {
      processes = { { name = 'simple-sleep' } }, resources = amounts(100, 16 * MB, 1 * MB),
    },
  }), one('simple_sleep_cron', 'simple-sleep'))
end)

it('daily-weather-report: at midnight, in an image', function()
  local job = one('daily_weather_cron', 'daily-weather-report')
  has(with(key('devcluster', 'www-data', 'prod', 'daily-weather-report'), {
    service = false, cron = { schedule = '0 0 * * *' },
    container = { docker = { image = 'python:2.7.10' } },
    task = {
      processes = { { name = 'install_python3' }, { name = 'download' }, { name = 'run' } },
      constraints = { { order = { 'install_python3', 'download', 'run' } } },
      resources = amounts(500, 1 * GB, 768 * MB),
    },
  }), job)
  local env = {}
  for _, variable in ipairs(job.env) do env[variable.name] = variable end
  assert.equal('97201', env.ZIP_CODE.value)
  assert.equal('mail.example.com:25', env.MAIL_SERVER.value)
  assert.equal('weather_mail', env.MAIL_PASSWORD.secret)
  assert.is_nil(env.MAIL_PASSWORD.value)
end)

it('sleep: an interval of 24 hours, and an owner', function()
  has(with(key('devcluster', 'www-data', 'prod', 'sleep'), {
    cron = { schedule = 'R/2026-10-04T22:57:59Z/PT24H', epsilon_secs = 60, retries = 2 },
    notify = { { on = { 'failed' }, email = 'owner@example.com' } },
    task = {
      processes = { { cmdline = 'sleep 60' } }, resources = amounts(500, 256 * MB, 500 * MB),
    },
  }), one('sleep_interval', 'sleep'))
end)

it('pipeline: one job, then two that transform', function()
  local list, count = jobs 'etl_pipeline'
  assert.equal(3, count)
  has({ cron = { schedule = 'R/2026-10-05T22:00:00Z/PT1H' } }, list.extract)
  for _, name in ipairs { 'transform-words', 'transform-links' } do
    has({ cron = { after = { 'devcluster/www-data/prod/extract' } } }, list[name])
    assert.is_nil(list[name].cron.schedule)
  end
end)

it('word count: a chain that runs once', function()
  local list, count = jobs 'word_count'
  assert.equal(3, count)
  has({ cron = { schedule = 'R1//PT1M' } }, list['download-war-and-peace'])
  has({ cron = { after = { 'devcluster/www-data/prod/download-war-and-peace' } } },
    list['war-and-peace-word-count'])
  has({ cron = { after = { 'devcluster/www-data/prod/war-and-peace-word-count' } } },
    list['load-war-and-peace-word-counts'])
end)

it('product: a group of a database and a service that needs it', function()
  local list, count = jobs 'product_group'
  assert.equal(2, count)
  has(with(key('devcluster', 'www-data', 'prod', 'product-database'), {
    service = true, port_names = { 'redis' },
    container = { docker = { image = 'redis:3.0.3' },
      volumes = { { container_path = '/data', name = 'data', size_bytes = 1 * GB } } },
    health_check = { tcp = { port = 'redis' }, max_consecutive_failures = 3 },
    announce = { primary_port = 'redis' },
  }), list['product-database'])
  has(with(key('devcluster', 'www-data', 'prod', 'product-service'), {
    instances = 3, port_names = { 'http' },
    env = { { name = 'REDIS_HOST', value = 'localhost' }, { name = 'REDIS_PORT', value = '9000' } },
    health_check = { http = { port = 'http', endpoint = '/health' } },
    update = { strategy = 'SURGE', minimum_health_capacity_milli = 900,
      maximum_over_capacity_milli = 200 },
    task = { resources = amounts(100, 128 * MB, 64 * MB) },
  }), list['product-service'])

  local output, status = evaluate.file('configs/examples/book/product_group.lua', '--groups')
  assert.equal(0, status, output)
  local group = cjson.decode(output)
  has({ name = 'product', groups = {
    { name = 'database', jobs = { 'devcluster/www-data/prod/product-database' } },
    { name = 'service', jobs = { 'devcluster/www-data/prod/product-service' },
      depends_on = { 'database' } },
  } }, group, 'group')
end)
