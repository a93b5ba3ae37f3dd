-- Instances announced in a real ZooKeeper.
local cjson = require 'cjson'
local cluster = require 'support.cluster'
local run = require 'support.run'
local zookeeper = require 'support.zookeeper'

local missing = zookeeper.missing()
if missing then
  describe('the announcer', function() pending('skipped: ' .. missing) end)
  return
end

describe('the announcer', function()
  local c, zk, cutter
  -- Its first connection is cut behind the making of a node.
  local function start_cutter(dir)
    local port = run.free_base(1)
    local pipe = assert(io.popen(("exec lua5.4 '%s/tests/support/cutter.lua' %d %d %s/cut "
      .. '>/dev/null 2>&1 & echo $!'):format(run.root, port, zk.port, dir)))
    cutter = tonumber(pipe:read('l'))
    pipe:close()
    return '127.0.0.1:' .. port
  end

  setup(function()
    zk = zookeeper.start()
    c = cluster.start { agents = 1, env = { PERIGEE_ZOOKEEPER = start_cutter(zk.dir) } }
    c:file('server.lua', run.read(run.root .. '/tests/support/server.lua'))
    os.execute('mkdir -m 777 ' .. c.dir .. '/calls')
  end)
  teardown(function()
    if c then c:stop() end
    if cutter then os.execute('kill ' .. cutter) end
    if zk then zk:stop() end
  end)

  local function text(name, instances, more, cmdline)
    return ([[
return { Service { cluster = "devcluster", role = "www-data", environment = "test",
  name = "%s", instances = %d, announce = Announcer { portmap = { web = "http" } }, %s
  task = Task { processes = { Process { name = "main",
      cmdline = [=[: {{thermos.ports[http]}} {{thermos.ports[admin]}}; %s]=] } },
    resources = Resources { cpu = 0.05, ram = 16*MB, disk = 8*MB }, finalization_wait = 2 } } }
]]):format(name, instances, more or '', cmdline or 'exec sleep 1000')
  end

  local function create(name, instances, more, cmdline)
    local key = 'devcluster/www-data/test/' .. name
    c:must { 'create', key, c:file(name .. '.lua', text(name, instances, more, cmdline)),
      '--wait-until', 'RUNNING', '--timeout', 30 }
    return key, '/aurora/www-data/test/' .. name
  end

  local function count(path, want, seconds)
    return run.eventually(seconds or 20, want .. ' members of ' .. path, function()
      local names = zk:members(path)
      return #names == want and names
    end)
  end

  it('finds the node whose making was cut off', function()
    local key, path = create('cut', 1)
    run.eventually(20, 'the cut', function() return run.read(zk.dir .. '/cut') end)
    run.eventually(20, 'word of the announcement', function()
      return os.execute(("grep -rqs 'announced path=%s/member_' --include=stderr %s/dev")
        :format(path, c.dir))
    end)
    count(path, 1)
    c:must { 'killall', key, '--timeout', 20 }
    count(path, 0)
  end)

  it('writes a member of a ServerSet for each instance', function()
    local key, path = create('set', 3)
    local shards = {}
    for _, name in ipairs(count(path, 3)) do
      assert.matches('^member_%d%d%d%d%d%d%d%d%d%d$', name)
      local held, owner = zk:get(path .. '/' .. name)
      local member = cjson.decode(held)
      assert.not_equal(0, owner)
      assert.equal('ALIVE', member.status)
      assert.same(member.serviceEndpoint, member.additionalEndpoints.http)
      assert.same(member.serviceEndpoint, member.additionalEndpoints.web)
      assert.same(member.serviceEndpoint, member.additionalEndpoints.aurora)
      assert.not_equal(member.serviceEndpoint.port, member.additionalEndpoints.admin.port)
      assert.is_string(member.serviceEndpoint.host)
      shards[member.shard] = true
    end
    assert.same({ [0] = true, true, true }, shards)
    c:must { 'killall', key, '--timeout', 20 }
    count(path, 0)
  end)

  it('joins again when somebody deletes its node', function()
    local key, path = create('deleted', 3)
    local before = count(path, 3)
    zk:delete(path .. '/' .. before[1])
    run.eventually(20, 'three members, one of them new', function()
      local now = zk:members(path)
      return #now == 3 and now[3] ~= before[3] and now
    end)
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('is there after ZooKeeper was killed, and once', function()
    local key, path = create('survivor', 2)
    count(path, 2)
    zk:kill()
    zk:up()
    count(path, 2, 30)
    -- A session that the servers ended while they were away: new nodes.
    zk:kill()
    os.execute('rm -rf ' .. zk.dir .. '/data')
    zk:up()
    count(path, 2, 40)
    assert.equal(2, #c:pids('^sleep 1000'))
    c:must { 'killall', key, '--timeout', 20 }
    count(path, 0)
  end)

  it('ends a task that nobody takes the announcement of', function()
    local key = 'devcluster/www-data/test/alone'
    zk:kill()
    c:must { 'create', key, c:file('alone.lua', text('alone', 1,
      [[health_check = HealthCheck { shell = { shell_command = "true" },
        initial_interval_secs = 1, interval_secs = 0.5 },]])) }
    run.eventually(20, 'the reason', function()
      return c:must { 'status', key }
        :find('could not be announced within 1 s: ZooKeeper did not answer', 1, true)
    end)
    c:must { 'killall', key, '--timeout', 20 }
    zk:up()
  end)

  it('leaves before the task is asked to end', function()
    local key, path = create('order', 1, 'lifecycle = Lifecycle { http = { port = "admin" } },',
      ('exec lua5.4 %s/server.lua {{thermos.ports[admin]}} %s/calls'):format(c.dir, c.dir))
    count(path, 1)
    local watcher = io.popen(([[exec 2>/dev/null; while ! grep -q quit %s/calls/calls; do :; done;
      echo asked]]):format(c.dir))
    c:must { 'kill', key, '--no-wait' }
    assert.equal('asked', watcher:read('l'))
    assert.same({}, zk:members(path))
    watcher:close()
    run.eventually(20, 'the end', function() return c:cli({ 'status', key }).status ~= 0 end)
  end)

  it('does not announce who is not healthy', function()
    local path = '/aurora/www-data/test/sick'
    local file = c:file('sick.lua', text('sick', 1, [[health_check = HealthCheck {
      shell = { shell_command = "test -e well" }, interval_secs = 0.1 },]], 'exec sleep 1000'))
    local key = 'devcluster/www-data/test/sick'
    c:must { 'create', key, file }
    run.eventually(20, 'a task that starts', function()
      local task = c:tasks(key)[0]
      return task and task.state == 'STARTING'
    end)
    assert.same({}, zk:members(path))
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('is refused its own place unless that is allowed', function()
    local key = 'devcluster/www-data/test/place'
    local job = text('place', 1):gsub('Announcer { ', 'Announcer { zk_path = "/else", ')
    local result = c:cli { 'create', key, c:file('place.lua', job) }
    assert.not_equal(0, result.status)
    assert.matches('announce.zk_path', result.out .. result.err, 1, true)
  end)
end)
