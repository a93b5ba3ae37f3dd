-- A peer that stands still keeps its connections: it is noticed by the heartbeats that it does not
-- send, five in a row (wire/recordio.h).
local Pair = require 'support.pair'
local run = require 'support.run'

describe('a silent stream', function()
  local p

  local function link() return run.get(p.aurora .. '/api/v1/state').json.state.link end
  local function await_link(state)
    run.eventually(20, 'link ' .. state, function() return link() == state end)
  end

  setup(function()
    p = Pair.start('', { master = '--heartbeat_interval=200ms' })
    p.aurora_port = Pair.free_port()
    p.aurora = 'http://127.0.0.1:' .. p.aurora_port
    p.aurora_pid = p:spawn('perigee-aurora', ('--master=127.0.0.1:%d --port=%d ' ..
      '--work_dir=%s/aurora --heartbeat_interval=200ms'):format(p.master_port, p.aurora_port,
      p.dir))
    p:await_health('aurora', p.aurora)
    await_link 'UP'
  end)
  teardown(function()
    os.execute(('kill -CONT %d %d 2>/dev/null'):format(p.master_pid, p.aurora_pid))
    p:kill(p.aurora_pid, 'KILL')
    p:stop()
  end)

  it('of the master is given up by the scheduler, and followed anew', function()
    os.execute('kill -STOP ' .. p.master_pid)
    await_link 'DOWN'
    assert.matches('master_lost [^\n]*no heartbeat', run.read(p.dir .. '/log'))
    os.execute('kill -CONT ' .. p.master_pid)
    await_link 'UP'
  end)

  -- Local ports of the connections that clusterctl has, or had asked for, to the scheduler.
  local function connections()
    local ports = {}
    local lines = Pair.sh(('ss -tnpH state established "( dport = :%d )"'):format(p.aurora_port))
    for port in lines:gmatch '127%.0%.0%.1:(%d+)%s+127[^\n]*clusterctl' do ports[port] = true end
    return ports
  end

  it('of the scheduler is given up by clusterctl, and followed anew', function()
    local ctl = ('CLUSTERCTL_CLUSTERS=%s timeout 60 %s/clusterctl '):format(run.write(
      p.dir .. '/clusters.lua', ('return { { name = "devcluster", aurora = "127.0.0.1:%d" } }')
      :format(p.aurora_port)), run.bin)
    local job = run.write(p.dir .. '/job.lua', ([[return { Job { cluster = "devcluster",
      role = "www-data", environment = "test", name = "waits", task = Task {
        processes = { Process { name = "p", min_duration = 0,
          cmdline = "until test -e %s/go; do sleep 0.05; done" } },
        resources = Resources { cpu = 0.1, ram = 32*MB, disk = 8*MB } } } }]]):format(p.dir))
    local key = 'devcluster/www-data/test/waits'
    local created = Pair.sh(ctl .. 'create ' .. key .. ' ' .. job .. ' 2>&1; echo $?')
    assert.matches('\n0\n$', created)
    Pair.sh(('(%s wait %s --for FINISHED; echo $? >%s/status) >>%s/log 2>&1 &'):format(ctl, key,
      p.dir, p.dir))
    run.eventually(20, 'a stream', function()
      return run.get(p.aurora .. '/api/v1/state').json.state.subscribers == 1
    end)
    local before = connections()
    assert.is_string((next(before)))
    os.execute('kill -STOP ' .. p.aurora_pid)
    run.eventually(20, 'another connection', function()
      for port in pairs(connections()) do
        if not before[port] then return true end
      end
    end)
    os.execute('kill -CONT ' .. p.aurora_pid)
    run.write(p.dir .. '/go', '')
    assert.equal('0\n', run.eventually(30, 'the end', function()
      local status = run.read(p.dir .. '/status')
      return status and #status > 0 and status
    end))
  end)
end)
