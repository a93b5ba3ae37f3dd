-- The scheduler speaks Mesos v1 and nothing else: a recorder stands between it and
-- the master, refuses whatever is not the v1 scheduler API, and keeps the calls.
local Pair = require 'support.pair'
local run = require 'support.run'

local CALL = 'proto/mesos/v1/scheduler.proto'

-- A life of the scheduler behind the recorder.
local function start_aurora(p)
  p.aurora_pid = p:spawn('perigee-aurora', ('--master=127.0.0.1:%d --port=%d --work_dir=%s/aurora')
    :format(p.recorder_port, p.aurora_port, p.dir))
  p:await_health('aurora', p.aurora)
end

local function state(p) return run.get(p.aurora .. '/api/v1/state').json.state end

local function linked(p)
  return run.eventually(20, 'a link', function()
    local now = state(p)
    return now.link == 'UP' and now
  end)
end

local function call(p, message)
  local answer = run.post(p.aurora .. '/api/v1', message)
  assert(answer.status == 200, message.type .. ': ' .. answer.body)
  return answer.json
end

local KEY = { cluster = 'devcluster', role = 'www-data', environment = 'test', name = 'spoken' }

local function running(p)
  return run.eventually(30, 'RUNNING', function()
    local answer = run.get(p.aurora .. '/api/v1/tasks?state=RUNNING').json
    return answer.tasks and #answer.tasks == 2 and answer.tasks
  end)
end

-- Every call as protoc prints it, by its number.
local function recorded(p)
  local calls = {}
  while run.read(('%s/calls/%d.call'):format(p.dir, #calls + 1)) do
    calls[#calls + 1] = Pair.sh((
      'protoc --decode=mesos.v1.scheduler.Call -Iproto %s <%s/calls/%d.call'):format(
      CALL, p.dir, #calls + 1))
  end
  return calls
end

describe('aurora and its master', function()
  local p
  setup(function()
    p = Pair.start()
    p.recorder_port, p.aurora_port = Pair.free_port(), Pair.free_port()
    p.aurora = 'http://127.0.0.1:' .. p.aurora_port
    os.execute('mkdir ' .. p.dir .. '/calls')
    p.recorder_pid = tonumber(Pair.sh(('lua5.4 tests/support/recorder.lua %d %d %s/calls ' ..
      '>>%s/log 2>&1 & echo $!'):format(p.recorder_port, p.master_port, p.dir, p.dir)))
    start_aurora(p)
  end)
  teardown(function()
    p:kill(p.aurora_pid, 'KILL')
    p:kill(p.recorder_pid, 'KILL')
    p:stop()
  end)

  it('speaks the v1 scheduler API and nothing else', function()
    local first = linked(p)
    call(p, { type = 'CREATE_JOB', create_job = { job = {
      cluster = 'devcluster', role = 'www-data', environment = 'test', name = 'spoken',
      service = true, instances = 2,
      task = { name = 'spoken', processes = { { name = 'p', cmdline = 'exec sleep 1000' } },
        resources = { cpu_milli = 50, ram_bytes = 32 << 20, disk_bytes = 8 << 20 } } } } })
    for _, task in ipairs(running(p)) do
      local ms, instance, uuid =
        task.task_id:match('^(%d+)%-www%-data%-test%-spoken%-(%d+)%-(%x+%-%x+%-%x+%-%x+%-%x+)$')
      assert.equal(13, #ms)
      assert.equal(task.instance, tonumber(instance))
      assert.equal(36, #uuid)
    end
    -- A new life is the same framework, and asks after what it knows.
    p:kill(p.aurora_pid, 'KILL')
    start_aurora(p)
    assert.equal(first.framework_id, linked(p).framework_id)
    running(p)
    call(p, { type = 'RECONCILE' })
    call(p, { type = 'RECONCILE', reconcile = { implicit = true } })
    call(p, { type = 'KILL_JOB', target = { key = KEY } })
    run.eventually(30, 'no task', function()
      local answer = run.get(p.aurora .. '/api/v1/tasks?state=RUNNING,KILLING').json
      return not answer.tasks
    end)
    local seen = {}
    for number, text in ipairs(recorded(p)) do
      local type = text:match('type: ([%u_]+)')
      assert.is_string(type, number .. ': ' .. text)
      seen[type] = (seen[type] or 0) + 1
      -- A field that the schema of Mesos does not have is printed as its number.
      assert.is_nil(('\n' .. text):match('\n%s*%d+[:%s]'), text)
    end
    for _, type in ipairs { 'SUBSCRIBE', 'ACCEPT', 'ACKNOWLEDGE', 'KILL', 'RECONCILE' } do
      assert.is_truthy(seen[type], type)
    end
    assert.equal(2, seen.SUBSCRIBE)
    assert.is_nil(run.read(p.dir .. '/calls/requests'):match('REFUSED[^\n]*'))
  end)
end)
