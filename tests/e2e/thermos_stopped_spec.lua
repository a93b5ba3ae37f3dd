-- A runner that stands still: whoever stopped it, a kill ends the task, and
-- leaves nothing behind.
local Pair = require 'support.pair'
local framework = require 'support.framework'
local run = require 'support.run'
local socket = require 'socket'

describe('a stopped runner', function()
  local p, f

  setup(function()
    p = Pair.start()
    f = p:framework { user = 'www-data' }
  end)
  teardown(function() p:stop() end)

  it('is ended with all it ran when its task is killed', function()
    f:launch { framework.graph('stopped', { { name = 'p',
      cmdline = "trap '' TERM; while :; do sleep 0.05; done" } }, { finalization_wait = 1 }) }
    f:reach('stopped', 'TASK_RUNNING')
    assert.is_true(os.execute('kill -STOP ' .. p:runner('stopped')))
    local before = socket.gettime()
    f:kill('stopped')
    local status
    repeat status = f:status('stopped', 40) until framework.terminal[status.state]
    assert.equal('TASK_KILLED', status.state, status.message)
    assert.is_true(socket.gettime() - before < 20)
    run.eventually(10, 'no process left', function() return p:processes() == '' end)
  end)
end)
