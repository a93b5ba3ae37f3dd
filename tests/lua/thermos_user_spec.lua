-- Who a task runs as: the caller, or with --as-role its role.
local run = require 'support.run'

local THERMOS = run.bin .. '/thermos'
local id = run.run({ 'id', '-u' }).out
local is_root = id == '0\n'

describe('thermos run', function()
  local dir
  before_each(function()
    dir = run.temp()
    os.execute('chmod 777 ' .. dir)
  end)
  after_each(function() run.remove(dir) end)

  local function job(role, cmdline)
    return run.write(dir .. '/job.lua', ([[
return { Job { cluster = "c", role = "%s", environment = "test", name = "job",
  task = SimpleTask { name = "a", cmdline = [=[%s]=] } } }]]):format(role, cmdline))
  end

  local function thermos(prefix, ...)
    local words = {}
    for word in prefix:gmatch '%S+' do words[#words + 1] = word end
    for _, word in ipairs { THERMOS, 'run', ... } do words[#words + 1] = word end
    return run.run(words, { timeout = 25, env = { HOME = dir } })
  end

  local function log() return run.read(dir .. '/box/.logs/a/0/stdout') end

  it('case 26: cannot become somebody else without root, and runs nothing', function()
    local path = job('daemon', 'touch ' .. dir .. '/ran')
    local nobody = is_root and 'setpriv --reuid=65534 --regid=65534 --clear-groups' or 'env'
    local result = thermos(nobody, path, '--as-role', '--directory', dir .. '/box')
    assert.equal(3, result.status, result.out)
    assert.matches("only root can run a task as somebody else", result.err)
    assert.is_nil(run.read(dir .. '/ran'))
  end)

  it('refuses a role that does not exist, and root', function()
    local result = thermos('env', job('no-such-role', 'true'), '--as-role')
    assert.equal(3, result.status)
    assert.matches("user 'no%-such%-role' does not exist.*useradd", result.err)
    result = thermos('env', job('root', 'true'), '--as-role')
    assert.equal(3, result.status)
    assert.matches("user 'root': a task does not run as root.*leave %-%-as%-role away", result.err)
  end)

  if is_root then
    it('runs as the role with its home, groups and files', function()
      local path = job('daemon',
        'id -un; id -gn; echo $HOME $USER; stat -c %U .logs/a/0/stdout; pwd')
      local result = thermos('env', path, '--as-role', '--directory', dir .. '/box')
      assert.equal(0, result.status, result.out .. result.err)
      assert.equal(('daemon\ndaemon\n/usr/sbin daemon\ndaemon\n%s/box\n'):format(dir), log())
    end)
  end

  it('runs as the caller with umask, limits and environment as they should be', function()
    local path = job('daemon',
      'umask; ulimit -Sn; id -u; env | cut -d= -f1 | sort | xargs')
    local result = run.run({ 'sh', '-c', ('umask 077; ulimit -Sn 512; SECRET=x exec %s run %s ' ..
      '--directory %s/box'):format(THERMOS, path, dir) }, { timeout = 25 })
    assert.equal(0, result.status, result.out .. result.err)
    local umask, files, uid, names = log():match '^(%d+)\n(%d+)\n(%d+\n)(.*)\n$'
    assert.equal('0022', umask)
    assert.equal('512', files)
    assert.equal(id, uid)
    assert.equal('HOME LOGNAME MESOS_SANDBOX PATH PWD SHELL SHLVL USER _', names)
  end)
end)
