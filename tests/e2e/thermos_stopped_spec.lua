-- A runner that stands still: whoever stopped it, a kill ends the task, and
-- leaves nothing behind.
local cjson = require 'cjson'
local Pair = require 'support.pair'
local framework = require 'support.framework'
local mime = require 'mime'
local run = require 'support.run'
local socket = require 'socket'

describe('a stopped runner', function()
  local p, f

  setup(function()
    p = Pair.start()
    f = p:framework { user = 'www-data' }
  end)
  teardown(function() p:stop() end)

  local function launch(id, cmdline)
    local assigned = cjson.encode { task_id = id, instance = 0, job = { cluster = 'devcluster',
      role = 'www-data', environment = 'test', name = id, task = { name = id,
        finalization_wait = 1, processes = { { name = 'p', cmdline = cmdline } } } } }
    local task = framework.task(id, nil, { data = (mime.b64(assigned)) })
    task.executor = { type = 'CUSTOM', executor_id = { value = id },
      command = { shell = false, value = run.bin .. '/thermos',
        arguments = { 'thermos', 'executor' } }, resources = framework.task('x').resources }
    f:launch { task }
  end

  local function runner()
    for pid in p:processes():gmatch '%d+' do
      local title = run.read('/proc/' .. pid .. '/cmdline') or ''
      if title:find '^thermos%zrunner' then return tonumber(pid) end
    end
  end

  it('is ended with all it ran when its task is killed', function()
    launch('stopped', "trap '' TERM; while :; do sleep 0.05; done")
    f:reach('stopped', 'TASK_RUNNING')
    assert.is_true(os.execute('kill -STOP ' .. runner()))
    local before = socket.gettime()
    f:kill('stopped')
    local status
    repeat status = f:status('stopped', 40) until framework.terminal[status.state]
    assert.equal('TASK_KILLED', status.state, status.message)
    assert.is_true(socket.gettime() - before < 20)
    run.eventually(10, 'no process left', function() return p:processes() == '' end)
  end)
end)
