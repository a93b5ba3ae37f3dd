-- Members that not everybody may touch, in a real ZooKeeper.
local cluster = require 'support.cluster'
local run = require 'support.run'
local zookeeper = require 'support.zookeeper'

local missing = zookeeper.missing()
if missing then
  describe('access to announced members', function() pending('skipped: ' .. missing) end)
  return
end

describe('access to announced members', function()
  local c, zk
  local NO_AUTH = 'ZooKeeper says -102'
  -- SHA-1 and base64 of "perigee:secret", as ZooKeeper's digest scheme has it.
  local DIGEST = 'perigee:NALFrf+KCvkpsi4RJULFm/Vy6EU='
  local access = [[{ "auth": [{"scheme": "digest", "credential": "perigee:secret"}],
    "acl": [{"scheme": "digest", "credential": "perigee:secret", "permissions":
      {"read": true, "write": true, "create": true, "delete": true, "admin": true}}%s] }]]

  setup(function()
    zk = zookeeper.start()
    os.execute('chmod 755 ' .. zk.dir)
    run.write(zk.dir .. '/access.json', access:format(''))
    c = cluster.start { agents = 1, env = { PERIGEE_ZOOKEEPER = zk.address,
      PERIGEE_ANNOUNCER_ZOOKEEPER_AUTH_CONFIG = zk.dir .. '/access.json' } }
  end)
  teardown(function()
    if c then c:stop() end
    if zk then zk:stop() end
  end)

  local function create(name, wait)
    local key = 'devcluster/www-data/test/' .. name
    c:must { 'create', key, c:file(name .. '.lua', ([[
return { Service { cluster = "devcluster", role = "www-data", environment = "test",
  name = "%s", announce = Announcer {}, task = Task { processes = { Process { name = "main",
      cmdline = ": {{thermos.ports[http]}}; exec sleep 1000" } },
    resources = Resources { cpu = 0.05, ram = 16*MB, disk = 8*MB }, finalization_wait = 2 } } }
]]):format(name)), table.unpack(wait or {}) }
    return key, '/aurora/www-data/test/' .. name
  end
  local wait = { '--wait-until', 'RUNNING', '--timeout', 30 }

  it('is what the file says, for members and folders', function()
    local key, path = create('mine', wait)
    local friend = zk:as('perigee:secret')
    local names = run.eventually(20, 'the member', function()
      local names = friend:members(path)
      return #names == 1 and names
    end)
    local node = path .. '/' .. names[1]
    assert.same({ { 31, 'digest', DIGEST } }, friend:acl(node))
    assert.same({ { 31, 'digest', DIGEST } }, friend:acl('/aurora/www-data'))
    assert.matches('"ALIVE"', friend:get(node), 1, true)
    for _, stranger in ipairs { zk, zk:as('perigee:guess') } do
      assert.has_error(function() stranger:get(node) end, NO_AUTH)
      assert.has_error(function() stranger:delete(node) end, NO_AUTH)
      assert.has_error(function() stranger:list(path) end, NO_AUTH)
    end
    c:must { 'killall', key, '--timeout', 20 }
    assert.same({}, friend:list(path))
  end)

  it('is said again in a new session', function()
    local key, path = create('again', wait)
    local friend = zk:as('perigee:secret')
    zk:kill()
    zk:up()
    run.eventually(30, 'the member', function() return #friend:members(path) == 1 end)
    friend:delete(path .. '/' .. friend:list(path)[1])
    run.eventually(30, 'the member again', function() return #friend:members(path) == 1 end)
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('may let everybody read', function()
    run.write(zk.dir .. '/access.json', access:format(
      ', {"scheme": "world", "credential": "anyone", "permissions": {"read": true}}'))
    -- Folders that are there keep what they had: look from a place of its own.
    local friend = zk:as('perigee:secret')
    local key, path = create('open', wait)
    local node = path .. '/' .. run.eventually(20, 'the member', function()
      return friend:members(path)[1]
    end)
    assert.matches('"ALIVE"', zk:get(node), 1, true)
    assert.has_error(function() zk:delete(node) end, NO_AUTH)
    c:must { 'killall', key, '--timeout', 20 }
  end)

  it('ends a task whose file is nonsense, with the reason and without the secret', function()
    run.write(zk.dir .. '/access.json', '{"auth": [{"scheme": "digest", "credential": secret')
    local key = create('nonsense')
    run.eventually(20, 'the reason', function()
      return c:must { 'status', key }:find('access.json', 1, true)
    end)
    local status = c:must { 'status', key }
    assert.matches('want JSON with "auth" and "acl"', status, 1, true)
    assert.is_nil(status:find('secret', 1, true))
    c:must { 'killall', key, '--timeout', 20 }
  end)
end)
