-- Backups of a scheduler at work: made while jobs come and go, restored after a
-- kill -9, and somewhere else.
local cluster = require 'support.cluster'
local run = require 'support.run'

describe('backup', function()
  local c, store, backups

  local function key(name) return 'devcluster/www-data/test/' .. name end
  local function create(name)
    c:must { 'create', key(name), c:file(name .. '.lua', cluster.sleeper(name, 2)),
      '--wait-until', 'RUNNING', '--timeout', 60 }
  end
  local function jobs()
    local names = {}
    for _, job in ipairs(c:must { 'list', '--json' }.jobs or {}) do
      names[#names + 1] = job.job.name
    end
    table.sort(names)
    return names
  end
  local function refused(words, part)
    local result = c:cli(words)
    assert.is_true(result.status ~= 0)
    assert.is_truthy((result.out .. result.err):find(part, 1, true), result.out .. result.err)
    return result.status
  end
  local function kill_scheduler()
    for _, pid in ipairs(c:pids('perigee%-aurora')) do c.kill(pid) end
    run.eventually(10, 'the scheduler gone', function()
      return #c:pids('perigee%-aurora') == 0
    end)
  end

  setup(function()
    c = cluster.start {}
    store = c.dir .. '/dev/aurora/store'
    backups = c.dir .. '/dev/aurora/backups'
    create 'one'
  end)
  teardown(function() c:stop() end)

  local first

  it('is made while changes go on, listed and inspected', function()
    assert.is_truthy(c:must { 'backup', 'list' }:find 'no backups')
    first = c:must { 'backup', 'create', '--json' }
    assert.equal('1', tostring(math.tointeger(first.jobs)))
    create 'two'
    local list = c:must { 'backup', 'list', '--json' }
    assert.equal(1, #list.backups)
    assert.equal(first.backup_id, list.backups[1].backup_id)
    local found = c:must { 'backup', 'inspect', first.backup_id, '--json' }
    assert.equal('www-data/test/one', found.jobs[1].key)
    assert.equal(2, found.jobs[1].tasks.RUNNING)
    assert.equal(2, found.tables.task)
    local records = c:must { 'backup', 'inspect', first.backup_id, key 'one', '--json' }
    assert.equal('job', records[1].table)
    assert.equal('task', records[3].table)
    refused({ 'backup', 'inspect', first.backup_id, key 'two' }, 'holds no job')
  end)

  it('is not restored under a scheduler that runs', function()
    assert.equal(4, refused({ 'backup', 'restore', first.backup_id, '--store', store },
      'has it open'))
    assert.same({ 'one', 'two' }, jobs())
  end)

  it('restored after kill -9 has the jobs of its time; tasks that came later end', function()
    local before = c:tasks(key 'one')
    kill_scheduler()
    local done = c:must { 'backup', 'restore', first.backup_id, '--store', store, '--json' }
    assert.is_truthy(done.replaced:find('store.replaced-', 1, true))
    c:up()
    assert.same({ 'one' }, jobs())
    c:must { 'wait', key 'one', '--for', 'RUNNING', '--timeout', 30 }
    assert.equal(before[0].task_id, c:tasks(key 'one')[0].task_id)
    -- What the restored store does not know is killed, when the master names it.
    local asked = run.run { 'curl', '-s', '-H', 'Content-Type: application/json', '-d',
      '{"type":"RECONCILE","reconcile":{"implicit":true}}', c.aurora .. '/api/v1' }
    assert.equal(0, asked.status, asked.out)
    run.eventually(30, 'tasks of job two gone', function()
      return #c:pids('^sleep 1000') == 2
    end)
  end)

  it('leaves out what must not come back', function()
    local second = c:must { 'create', key 'two', c:file('two.lua', cluster.sleeper('two', 2)),
      '--wait-until', 'RUNNING', '--timeout', 60 } and c:must { 'backup', 'create', '--json' }
    local before = c:tasks(key 'one')
    kill_scheduler()
    local words = { 'backup', 'restore', second.backup_id, '--store', store, '--without' }
    local function without(list)
      local all = { table.unpack(words) }
      all[#all + 1] = list
      return all
    end
    refused(without 'www-data/test/three', 'the backup has no such job')
    refused(without 'www-data//two', 'want role, role/env or role/env/name')
    local out = c:must(without(key 'two'))
    assert.matches('holds 1 jobs and 2 tasks', out, 1, true)
    assert.matches('1 jobs and 2 tasks were left out', out, 1, true)
    c:up()
    assert.same({ 'one' }, jobs())
    c:must { 'wait', key 'one', '--for', 'RUNNING', '--timeout', 30 }
    assert.equal(before[0].task_id, c:tasks(key 'one')[0].task_id)
    run.run { 'curl', '-s', '-H', 'Content-Type: application/json', '-d',
      '{"type":"RECONCILE","reconcile":{"implicit":true}}', c.aurora .. '/api/v1' }
    run.eventually(30, 'tasks of job two gone', function()
      return #c:pids('^sleep 1000') == 2
    end)
  end)

  it('of another directory, and a damaged one, is refused by name', function()
    kill_scheduler()
    local path = backups .. '/' .. first.backup_id .. '.backup'
    local bytes = assert(run.read(path))
    local broken = c.dir .. '/broken.backup'
    run.write(broken, bytes:sub(1, 200) .. '\0' .. bytes:sub(202))
    assert.equal(4, refused({ 'backup', 'restore', broken, '--store', store }, 'checksum'))
    run.write(broken, bytes:sub(1, -10))
    refused({ 'backup', 'inspect', broken }, 'not finished, or cut')
    refused({ 'backup', 'inspect', 'nothing' }, "neither a backup's id nor a file")
    refused({ 'backup', 'restore', path }, '--store: missing')
    c:up()
    assert.same({ 'one' }, jobs())
  end)

  it('is what a damaged store asks for', function()
    kill_scheduler()
    local data = assert(run.read(store .. '/data.mdb'))
    run.write(store .. '/data.mdb', ('x'):rep(#data))
    local started = c:cli { 'dev', 'start', '--dir', c.dir .. '/dev', '--port', c.base,
      '--agents', 1, timeout = 40 }
    assert.is_true(started.status ~= 0)
    local log = run.read(c.dir .. '/dev/log/aurora.log') or run.read(c.dir .. '/dev/aurora.log')
    assert.is_truthy((log or ''):find('clusterctl backup restore ID --store ' .. store, 1, true),
      log)
    c:must { 'backup', 'restore', first.backup_id, '--store', store, '--backups', backups }
    c:up()
    assert.same({ 'one' }, jobs())
    c:must { 'wait', key 'one', '--for', 'RUNNING', '--timeout', 30 }
  end)
end)
