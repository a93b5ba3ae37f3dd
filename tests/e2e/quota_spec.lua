-- Quotas on a real cluster, with clusterctl alone: what is refused says the sum,
-- files of quotas are taken whole, and a scheduler that was killed knows it all.
local cluster = require 'support.cluster'
local run = require 'support.run'

local PREFIX = 'devcluster/www-data/prod/'

describe('quotas', function()
  local c

  setup(function() c = cluster.start { agents = 1 } end)
  teardown(function() c:stop() end)

  local function file(name, instances, cpu, more)
    return c:file(name .. '.lua', ([[
return { Service { cluster = "devcluster", role = "www-data", environment = "prod", name = "%s",
  instances = %d, production = true, update = Update { watch_secs = 0 }, %s
  task = SimpleTask { name = "%s", cmdline = "sleep 1000",
    resources = Resources { cpu = %s, ram = 16*MB, disk = 1*MB } } } }
]]):format(name, instances, more or '', name, cpu))
  end

  local function used()
    return (c:must { 'quota', 'get', 'devcluster/www-data', '--json' }.production.cpu_milli or 0)
  end

  local function refused(words, ...)
    local result = c:cli(words)
    local said = result.out .. result.err
    assert.equal(1, result.status > 0 and 1 or 0, said)
    for _, text in ipairs { ... } do assert.truthy(said:find(text, 1, true), said) end
  end

  it('come with the dev cluster for www-data alone', function()
    assert.truthy(c:must { 'quota', 'get', 'devcluster/www-data' }:find('64', 1, true))
    assert.truthy(c:must { 'quota', 'get', 'devcluster/nobody' }:find('has no quota', 1, true))
  end)

  it('let what goes make room, first where there is none for both', function()
    local old, new = run.read(file('old', 4, 0.1)), run.read(file('new', 4, 0.1))
    c:must { 'quota', 'set', 'devcluster/www-data', 'cpu=0.5', 'ram=1GB', 'disk=1GB' }
    c:must { 'apply', c:file('renamed.lua', old) }
    local path = c:file('renamed.lua', new)
    assert.truthy(c:cli({ 'plan', path }).out:find('it would be refused', 1, true))
    local said = c:cli({ 'plan', path, '--prune' }).out
    assert.falsy(said:find('it would be refused', 1, true), said)
    assert.truthy(said:find('removed first: the quota has no room for both', 1, true), said)
    c:must { 'apply', path, '--prune', '--timeout', '20' }
    assert.equal(400, used())
    -- With room for both, and with too little for the new one alone, the order stays.
    c:file('renamed.lua', (run.read(file('last', 1, 0.1))))
    said = c:cli({ 'plan', path, '--prune' }).out
    assert.falsy(said:find('removed first', 1, true), said)
    c:file('renamed.lua', (run.read(file('large', 6, 0.1))))
    said = c:cli({ 'plan', path, '--prune' }).out
    assert.falsy(said:find('removed first', 1, true), said)
    assert.truthy(said:find('0.4 in use + 0.6 asked', 1, true), said)
    c:must { 'killall', PREFIX .. 'new', '--timeout', '20' }
    run.eventually(20, 'the end of it', function() return used() == 0 end)
  end)

  it('are held on every path, and say the sum', function()
    c:must { 'quota', 'set', 'devcluster/www-data', 'cpu=0.5', 'ram=1GB', 'disk=1GB' }
    c:must { 'create', PREFIX .. 'a', file('a', 3, 0.1), '--wait-until', 'RUNNING' }
    refused({ 'create', PREFIX .. 'b', file('b', 3, 0.1) },
      'cpu of production: 0.3 in use + 0.3 asked = 0.6, more than 0.5', '2 instances would fit',
      PREFIX .. 'a (3 tasks)', 'is missing')
    refused({ 'scale', PREFIX .. 'a', '6' }, '5 instances would fit')
    refused({ 'add', PREFIX .. 'a', '3' }, 'quota of role')
    refused({ 'update', 'start', PREFIX .. 'a', file('a', 3, 0.2) }, 'quota of role')
    refused({ 'apply', file('a', 6, 0.1) }, 'quota of role')
    refused({ 'create', PREFIX .. 'n', c:file('n.lua', ([[
return { Job { cluster = "devcluster", role = "www-data", environment = "prod", name = "n",
  instances = 3, production = true, cron = Cron { schedule = "0 0 1 1 *" },
  task = SimpleTask { name = "n", cmdline = "true",
    resources = Resources { cpu = 0.1, ram = 16*MB, disk = 1*MB } } } }]])) }, 'quota of role')
    assert.equal(300, used())
    assert.truthy(c:cli({ 'plan', file('a', 6, 0.1) }).out:find('it would be refused', 1, true))
    -- The sum of a whole file, whatever its jobs are: before any of it is tried.
    local function other(name, instances, more)
      return ([[Job { cluster = "devcluster", role = "www-data", environment = "prod", name = "%s",
  instances = %d, production = true, %s task = SimpleTask { name = "%s", cmdline = "true",
    resources = Resources { cpu = 0.1, ram = 16*MB, disk = 1*MB } } }]]):format(name, instances,
        more or '', name)
    end
    local function planned(name, text)
      return c:cli({ 'plan', c:file(name, 'return { ' .. text .. ' }') }).out
    end
    local said = planned('sum.lua', table.concat({ other('s1', 1), other('s2', 2),
      other('s3', 1, 'cron = Cron { schedule = "0 0 1 1 *" },') }, ', '))
    assert.truthy(said:find('create  ' .. PREFIX .. 's1  1 instance\ncreate', 1, true), said)
    assert.truthy(said:find('it would be refused: quota of role \'www-data\': cpu of production: '
      .. '0.4 in use + 0.2 asked = 0.6, more than 0.5; 1 instance would fit', 1, true), said)
    assert.truthy(said:find('s3  1 instance\n3 to create', 1, true), said)
    said = planned('shop.lua', 'Group { name = "shop", jobs = { '
      .. other('g1', 1, 'service = true,') .. ', ' .. other('g2', 3, 'service = true,') .. ' } }')
    assert.truthy(said:find("1 of its 2 jobs and 1 of 3 instances of 'g2' would fit", 1, true),
      said)
    assert.equal(300, used())
    c:must { 'scale', PREFIX .. 'a', '5' }
    assert.truthy(c:must { 'why', PREFIX .. 'a' }
      :find('role www-data has no more cpu: 0.5 of 0.5', 1, true))
    assert.equal(500, used())
    refused({ 'quota', 'set', 'devcluster/www-data', 'cpu=0.1', 'ram=1GB', 'disk=1GB' },
      '0.5 is in use, more than 0.1')
  end)

  it('outlive the scheduler', function()
    local before = c:must { 'quota', 'list', '--json' }
    for _, pid in ipairs(c:pids('perigee%-aurora')) do c.kill(pid) end
    c:up()
    assert.same(before, c:must { 'quota', 'list', '--json' })
  end)

  it('come from files, all or none', function()
    local example = run.read('configs/examples/quotas.lua')
    local path = c:file('quotas.lua', example)
    assert.equal(0, c:cli { 'check', path }.status)
    assert.truthy(c:cli({ 'plan', path }).out:find('4 quotas to set', 1, true))
    c:must { 'apply', path }
    assert.truthy(c:must { 'plan', path }:find('nothing to do', 1, true))
    local bad = c:file('bad.lua', [[
return { Quota { role = "shop-new", parent = "shop", production = QuotaAmounts { cpu = 1 } },
  Quota { role = "www-data", production = QuotaAmounts {} } }]])
    refused({ 'apply', bad }, 'is in use')
    assert.falsy(c:must { 'role', 'list' }:find('shop%-new'))
  end)

  it('are raised, and taken away', function()
    c:must { 'quota', 'increase', 'devcluster/www-data', 'cpu=1' }
    assert.equal(1500,
      c:must { 'quota', 'get', 'devcluster/www-data', '--json' }.quota.production.cpu_milli)
    refused({ 'quota', 'remove', 'devcluster/www-data' }, 'is in use')
    refused({ 'quota', 'set', 'devcluster/www-data', 'cpu=-1' }, "cpu '-1'")
    refused({ 'quota', 'set', 'devcluster/www-data', 'cpx=1' }, "'cpx'")
    c:must { 'killall', PREFIX .. 'a' }
    c:must { 'wait', PREFIX .. 'a', '--for', 'GONE' }
    c:must { 'quota', 'remove', 'devcluster/www-data' }
    assert.truthy(c:must { 'quota', 'get', 'devcluster/www-data' }:find('has no quota', 1, true))
  end)
end)
