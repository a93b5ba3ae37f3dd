-- kill -9 of every program while twenty services run: afterwards every service
-- is RUNNING exactly once, and what did not need to restart did not.
local cluster = require 'support.cluster'
local run = require 'support.run'

describe('kill -9', function()
  local KEY, COUNT = 'devcluster/www-data/test/many', 20
  local c

  local function all_running()
    local tasks = c:tasks(KEY)
    for i = 0, COUNT - 1 do
      if not tasks[i] or tasks[i].state ~= 'RUNNING' then return nil end
    end
    return tasks
  end

  local function settled()
    return run.eventually(60, 'all services RUNNING', all_running)
  end

  -- One `sleep 1000` per instance, no more and no fewer.
  local function exactly_once()
    run.eventually(30, 'one process per instance', function()
      return #c:pids('^sleep 1000') == COUNT
    end)
  end

  local function ids(tasks)
    local list = {}
    for i = 0, COUNT - 1 do list[i] = tasks[i].task_id end
    return list
  end

  setup(function()
    c = cluster.start { agents = 2 }
    c:must { 'create', KEY, c:file('many.lua', cluster.sleeper('many', COUNT)), '--wait-until',
      'RUNNING', '--timeout', 60 }
  end)
  teardown(function() c:stop() end)

  for _, program in ipairs { 'perigee%-master', 'perigee%-aurora', 'perigee%-agent' } do
    it('of ' .. program:gsub('%%', '') .. ' keeps every task and its id', function()
      local before = ids(settled())
      for _, pid in ipairs(c:pids(program)) do c.kill(pid) end
      c:up()
      assert.same(before, ids(settled()))
      exactly_once()
    end)
  end

  it('of an executor replaces its task and no other', function()
    local before = ids(settled())
    c.kill(c:pids('thermos executor')[1])
    local function changed()
      local now, count = all_running(), 0
      for i = 0, COUNT - 1 do
        count = count + (now and now[i].task_id ~= before[i] and 1 or 0)
      end
      return count
    end
    run.eventually(30, 'one new task', function() return changed() == 1 end)
    exactly_once()
    assert.equal(1, changed())
  end)

  it('of a runner keeps the process and the task id', function()
    local before = ids(settled())
    local runner = c:pids('thermos runner')[1]
    assert.is_truthy(runner, 'no runner found')
    c.kill(runner)
    run.eventually(20, 'a new runner', function()
      return #c:pids('thermos runner') == COUNT
    end)
    assert.same(before, ids(settled()))
    exactly_once()
  end)

  it('of everything at once converges', function()
    for _, program in ipairs { 'perigee%-master', 'perigee%-aurora', 'perigee%-agent' } do
      for _, pid in ipairs(c:pids(program)) do c.kill(pid) end
    end
    c:up()
    settled()
    exactly_once()
  end)
end)
