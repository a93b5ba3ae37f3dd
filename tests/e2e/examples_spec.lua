-- The files in configs/examples run as they stand.
local cluster = require 'support.cluster'
local run = require 'support.run'

describe('configs/examples', function()
  local c
  setup(function() c = cluster.start { agents = 2 } end)
  teardown(function() c:stop() end)

  local function example(name)
    return run.root .. '/configs/examples/' .. name .. '.lua'
  end

  it('hello_world finds the script that travels with it', function()
    local key = 'devcluster/www-data/devel/hello_world'
    c:must { 'create', key, example 'hello_world', '--wait-until', 'RUNNING', '--timeout', 20 }
    run.eventually(20, 'the script has spoken', function()
      return c:cli({ 'logs', key .. '/0', 'hello_world' }).out:lower():find('hello')
    end)
    c:must { 'killall', key, '--timeout', 30 }
  end)

  it('outputenv serves its environment on three ports', function()
    local key = 'devcluster/www-data/devel/outputenv'
    c:must { 'create', key, example 'outputenv', '--wait-until', 'RUNNING', '--timeout', 30 }
    local tasks = c:tasks(key)
    for i = 0, 2 do
      local port = tasks[i].ports[1].port
      local page = run.eventually(20, 'instance ' .. i .. ' answers', function()
        local answer = run.get(('http://127.0.0.1:%d/'):format(port))
        return answer.status == 200 and answer.body
      end)
      assert.matches('USER=www%-data', page)
    end
    c:must { 'killall', key, '--timeout', 30 }
  end)

  it('pipeline retries, joins its branches and cleans up', function()
    local key = 'devcluster/www-data/test/pipeline'
    c:must { 'create', key, example 'pipeline', '--wait-until', 'FINISHED', '--timeout', 60 }
    assert.equal('100 numbers, 5050 in all, www-data/pipeline\n',
      c:must { 'logs', key .. '/0', 'report' })
    assert.equal('attempt 3: done\n', c:must { 'logs', key .. '/0', 'flaky' })
  end)

  it('a template makes workers that know their share', function()
    local dir = run.temp()
    local key = 'devcluster/www-data/test/shares'
    local file = run.write(dir .. '/shares.lua', [[
      local sharded_worker = require "templates.sharded_worker"
      return {
        sharded_worker {
          cluster = "devcluster", role = "www-data", environment = "test", name = "shares",
          cmdline = "echo $SHARD of $SHARDS; exec sleep 1000", shards = 3,
          cpu = 0.1, ram = 16*MB, disk = 16*MB,
        },
      }]])
    c:must { 'create', key, file, '--wait-until', 'RUNNING', '--timeout', 30 }
    for shard = 0, 2 do
      run.eventually(20, 'shard ' .. shard .. ' has spoken', function()
        return c:cli({ 'logs', key .. '/' .. shard, 'shares' }).out == shard .. ' of 3\n'
      end)
    end
    c:must { 'killall', key, '--timeout', 30 }
    run.remove(dir)
  end)

  it('check passes every job file', function()
    for _, name in ipairs { 'hello_world', 'outputenv', 'pipeline' } do
      c:must { 'check', example(name) }
    end
  end)

  for _, name in ipairs { 'master', 'agent', 'aurora' } do
    it('perigee-' .. name .. ' starts with ' .. name .. '.lua', function()
      local dir = run.temp()
      local result = run.run({ run.bin .. '/perigee-' .. name, '--config=' .. example(name),
        '--port=0', '--work_dir=' .. dir, '--no_such_option=1' }, { timeout = 10 })
      run.remove(dir)
      -- The file was read and believed; only the wrong flag is refused.
      assert.equal(3, result.status)
      assert.matches('no_such_option', result.err, 1, true)
      assert.not_matches(name .. '.lua:', result.err, 1, true)
    end)
  end
end)
