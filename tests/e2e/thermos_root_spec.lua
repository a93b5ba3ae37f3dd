-- thermos in a root file system that holds nothing but a shell: no libraries of
-- ours, no bash, no /proc, no /dev, no /etc.
local run = require 'support.run'

local function sh(line)
  local pipe = assert(io.popen(line))
  local text = pipe:read('a')
  pipe:close()
  return text
end

describe('thermos in a bare root', function()
  local root

  -- What the shell itself needs to be loaded comes with it.
  setup(function()
    root = run.temp()
    local shell = sh('readlink -f /bin/sh'):match '%S+'
    os.execute(('mkdir -p %s/bin && cp %s %s/bin/sh && cp %s/thermos %s/'):format(root, shell, root,
      run.bin, root))
    for library in sh('ldd ' .. shell):gmatch '(/%S+)' do
      os.execute(('mkdir -p %s$(dirname %s) && cp -L %s %s%s'):format(root, library, library, root,
        library))
    end
  end)
  teardown(function() run.remove(root) end)

  local function thermos(task)
    run.write(root .. '/task.json', task)
    return run.run({ 'unshare', '-r', 'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'chroot',
      root, '/thermos', 'run', '/task.json', '--directory', '/box' }, { timeout = 25 })
  end

  local can_chroot = os.execute('unshare -r chroot / true 2>/dev/null')
  local test = can_chroot and it or function(name)
    pending(name .. ' (user namespaces are not allowed here)')
  end

  test('runs a task with the shell it finds', function()
    local result = thermos [[{ "task_id": "t", "instance": 3, "job": { "cluster": "c", "role": "r",
      "environment": "e", "name": "n", "task": { "processes": [
        { "name": "a", "cmdline": "echo {{mesos.instance}} $0; read x; echo eof >&2" },
        { "name": "none", "cmdline": "echo nowhere", "logger": { "destination": "none" } } ] } } }]]
    assert.equal(0, result.status, result.out .. result.err)
    assert.equal('3 /bin/sh\n', run.read(root .. '/box/.logs/a/0/stdout'))
    assert.equal('eof\n', run.read(root .. '/box/.logs/a/0/stderr'))
    assert.equal('', sh('ls ' .. root .. '/proc ' .. root .. '/dev 2>/dev/null'))
  end)

  test('fails a task whose program is not there, and says so', function()
    local result = thermos [[{ "task_id": "u", "instance": 0, "job": { "cluster": "c", "role": "r",
      "environment": "e", "name": "n", "task": { "processes": [
        { "name": "b", "cmdline": "no-such-program" } ] } } }]]
    assert.equal(4, result.status, result.out .. result.err)
    assert.matches("process 'b' failed: it exited with status 127", result.out)
  end)
end)
