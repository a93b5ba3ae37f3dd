-- Groups on a real cluster: started in order on health, changed in order,
-- removed in reverse, and a scheduler that is killed in the middle of each.
local cjson = require 'cjson'
local cluster = require 'support.cluster'
local run = require 'support.run'

describe('a group', function()
  local c

  setup(function() c = cluster.start { agents = 1 } end)
  teardown(function() c:stop() end)

  local function status(key)
    return c:must { 'group', 'status', key, '--json' }.groups[1]
  end

  local function member(key, name)
    for _, one in ipairs(status(key).members) do
      if one.key.name == name then return one end
    end
  end

  --- When a job's instances reached a state: the first and the last of them.
  local function times(key, state)
    local first, last = math.huge, 0
    for _, task in ipairs(c:must({ 'status', key, '--json' }).tasks or {}) do
      for _, event in ipairs(task.events) do
        if event.state == state then
          first, last = math.min(first, event.at_ms), math.max(last, event.at_ms)
        end
      end
    end
    return first, last
  end

  --- kill -9 of the scheduler, and a new one on the same store.
  local function crash()
    for _, pid in ipairs(c:pids('perigee%-aurora')) do c.kill(pid) end
    run.eventually(10, 'the scheduler is dead', function()
      return #c:pids('perigee%-aurora') == 0
    end)
    c:up()
  end

  it('of the examples starts in order, is scaled, and goes', function()
    local KEY = 'devcluster/www-data/test/'
    local file = run.root .. '/configs/examples/group/shop.lua'
    assert.equal(1, c:cli({ 'plan', file }).status)
    c:must { 'apply', file, '--wait-until', 'RUNNING', '--timeout', 60 }
    local _, store = times(KEY .. 'store', 'RUNNING')
    local fill = times(KEY .. 'fill', 'PENDING')
    local _, filled = times(KEY .. 'fill', 'FINISHED')
    local page = times(KEY .. 'page', 'PENDING')
    assert.is_true(store <= fill and filled <= page,
      ('%d %d %d %d'):format(store, fill, filled, page))
    assert.equal(0, c:cli({ 'plan', file }).status)
    assert.matches('nothing to do', c:must { 'apply', file }, 1, true)
    assert.matches('of group shop', c:must { 'status', KEY .. 'page' }, 1, true)
    c:must { 'group', 'scale', KEY .. 'shop', '1.5', '--timeout', 60 }
    assert.equal(3, member(KEY .. 'shop', 'page').running)
    assert.equal(2, member(KEY .. 'shop', 'store').running)
    c:must { 'apply', file, '-p', 'pages=1', '--wait-until', 'RUNNING', '--timeout', 60 }
    assert.equal(1, member(KEY .. 'shop', 'page').running)
    assert.matches('shop', c:must { 'group', 'list' }, 1, true)
    c:must { 'group', 'remove', KEY .. 'shop', '--timeout', 60 }
    assert.equal(4, c:cli({ 'group', 'status', KEY .. 'shop' }).status)
    local left = cjson.decode(c:cli({ 'list', '--json' }).out).jobs or {}
    assert.same({}, left)
  end)

  --- The book's product, with processes of this machine: the database opens its
  --- port when the file `go` is there, and both take a second to end.
  local function product(go)
    return c:file('product.lua', ([[
local product = import "product_group.lua"[1]
local database, service = product.jobs[1].jobs[1], product.jobs[2].jobs[1]

local function task(name, cmdline)
  return Task {
    name = name, processes = { Process { name = "p", cmdline = cmdline } },
    resources = Resources { cpu = 0.05, ram = 16*MB, disk = 4*MB },
  }
end

local function health(more)
  return HealthCheck(extend({ initial_interval_secs = 60, interval_secs = 0.2 }, more))
end

return {
  product {
    jobs = {
      product.jobs[1] { jobs = { database {
        task = task("product-database", [=[while [ ! -e %s ]; do sleep 0.1; done
exec lua5.4 -e 'local s = require("socket").bind("*", {{thermos.ports[redis]}})
while true do s:accept():close() end']=]),
        container = unset, announce = unset,
        health_check = health { tcp = TcpCheck { port = "redis" } },
      } } },
      product.jobs[2] { jobs = { service {
        task = task("product-service", [=[trap 'sleep 1; exit 0' TERM
lua5.4 -e 'local s = require("socket").bind("*", {{thermos.ports[http]}})
while true do local c = s:accept(); c:settimeout(5); c:receive("*l")
c:send("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok") c:close() end' & wait]=]),
        announce = unset,
        health_check = health { http = HttpCheck { endpoint = "/health" } },
      } } },
    },
  },
}
]]):format(go))
  end

  it('of the book survives kill -9 of the scheduler, starting and ending', function()
    local PREFIX = 'devcluster/www-data/prod/product'
    local go = c.dir .. '/go'
    run.write(c.dir .. '/product_group.lua',
      run.read(run.root .. '/configs/examples/book/product_group.lua'))
    c:must { 'create', PREFIX, product(go) }
    run.eventually(20, 'the database begins', function()
      return times(PREFIX .. '-database', 'STARTING') < math.huge
    end)
    local waits = 'waits for database/product-database (0 of 1 running)'
    assert.equal(waits, member(PREFIX, 'product-service').waits_for)
    assert.matches(waits, c:must { 'why', PREFIX .. '-service' }, 1, true)
    assert.matches(waits, c:must { 'status', PREFIX .. '-service' }, 1, true)
    assert.matches(waits, c:must { 'group', 'status', PREFIX }, 1, true)
    assert.equal(9, c:cli({ 'group', 'wait', PREFIX, '--timeout', 1 }).status)
    crash()
    assert.equal('DEPLOYING', status(PREFIX).state)
    assert.equal(waits, member(PREFIX, 'product-service').waits_for)
    run.write(go, '')
    c:must { 'group', 'wait', PREFIX, '--timeout', 60 }
    local _, up = times(PREFIX .. '-database', 'RUNNING')
    local begun = times(PREFIX .. '-service', 'PENDING')
    assert.is_true(up <= begun, up .. ' ' .. begun)
    assert.equal(3, member(PREFIX, 'product-service').running)

    -- The services end before the database is told to, also when the scheduler
    -- dies in between.
    c:must { 'group', 'remove', PREFIX, '--no-wait' }
    assert.equal(1, member(PREFIX, 'product-database').running)
    crash()
    run.eventually(60, 'the group is gone', function()
      return c:cli({ 'group', 'status', PREFIX }).status == 4
    end)
    local function history(name)
      local answer = run.get(c.aurora .. '/api/v1/jobs/www-data/prod/' .. name .. '/tasks')
      local began, ended = math.huge, 0
      for _, task in ipairs(cjson.decode(answer.body).tasks) do
        for _, event in ipairs(task.events) do
          if event.state == 'KILLING' then began = math.min(began, event.at_ms) end
          if event.state == 'KILLED' then ended = math.max(ended, event.at_ms) end
        end
      end
      return began, ended
    end
    local _, ended = history 'product-service'
    local began = history 'product-database'
    assert.is_true(ended > 0 and ended <= began, ended .. ' ' .. began)
    run.eventually(20, 'no process is left', function() return #c:pids('product%-') == 0 end)
  end)

  local function simple(text)
    return c:file('simple.lua', ([[
local function job(name) return Service { cluster = "devcluster", role = "www-data",
  environment = "devel", name = name, update = Update { watch_secs = 0 },
  task = SimpleTask { name = name, cmdline = "exec sleep 1000",
    resources = Resources { cpu = 0.05, ram = 16*MB, disk = 4*MB } } } end
local a, b, x = job "a", job "b", job "x"
return { %s }]]):format(text))
  end

  it('is changed and pruned by apply', function()
    local KEY = 'devcluster/www-data/devel/g'
    local both = simple [[Group { name = "g", jobs = {
      a, Group { name = "h", jobs = { b }, depends_on = a } } }]]
    c:must { 'group', 'create', KEY, both, '--wait', '--timeout', 40 }
    local other = simple 'Group { name = "g", jobs = { b, x } }'
    local plan = cjson.decode(c:cli({ 'plan', other, '--prune', '--json' }).out)
    assert.equal('update', plan.groups[1].action)
    assert.equal(1, plan.remove)
    c:must { 'apply', other, '--prune', '--wait-until', 'RUNNING', '--timeout', 40 }
    assert.equal(4, c:cli({ 'status', 'devcluster/www-data/devel/a' }).status)
    assert.equal(2, #status(KEY).members)
    -- The whole group leaves the file.
    local none = simple 'job "y"'
    assert.matches('remove  group ' .. KEY, c:cli({ 'plan', none, '--prune' }).out, 1, true)
    c:must { 'apply', none, '--prune', '--timeout', 40 }
    assert.equal(4, c:cli({ 'group', 'status', KEY }).status)
    c:must { 'killall', 'devcluster/www-data/devel/y' }
  end)

  it('is refused with what to do next', function()
    local KEY = 'devcluster/www-data/devel/g'
    local function refused(words, wanted, exit)
      local result = c:cli(words)
      assert.equal(exit or 4, result.status, result.out .. result.err)
      assert.matches(wanted, result.err, 1, true)
    end
    refused({ 'check', simple [[Group { name = "g", jobs = {
      Group { name = "p", jobs = { a }, depends_on = "q" },
      Group { name = "q", jobs = { b }, depends_on = "r" },
      Group { name = "r", jobs = { x }, depends_on = "p" } } }]] }, 'p -> q -> r -> p', 3)
    local file = simple 'Group { name = "g", jobs = { a } }, x'
    refused({ 'group', 'create', KEY .. 'g', file }, 'has no group', 3)
    refused({ 'create', 'devcluster/www-data/devel/a', file }, "begins with its group 'g'", 10)
    refused({ 'create', KEY, file, '--wait-until', 'FINISHED' }, 'want PENDING or RUNNING', 6)
    refused({ 'group', 'scale', KEY, '2' }, 'does not exist')
    refused({ 'group', 'scale', KEY, 'two' }, 'want a number', 6)
    refused({ 'group', 'remove', KEY }, 'does not exist')
    c:must { 'create', KEY, file, '--wait-until', 'RUNNING', '--timeout', 40 }
    refused({ 'group', 'create', KEY, file }, 'exists already')
    refused({ 'apply', simple 'Group { name = "k", jobs = { a } }' }, 'is in group ' .. "'" .. KEY)
    refused({ 'apply', simple 'Group { name = "k", jobs = { b }, depends_on = x }, x' },
      'put it and what it waits for into one Group', 10)
    assert.matches(KEY, c:cli({ 'complete', '--', '2', 'group', 'status',
      KEY:sub(1, -2) }).out, 1, true)
    local picture = c:terminal { 'group', 'status', KEY }
    assert.matches('└─ a', picture, 1, true)
    assert.matches('1 of 1 running', picture, 1, true)
    c:must { 'group', 'remove', KEY, '--timeout', 40 }
  end)
end)
