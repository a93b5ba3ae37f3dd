-- `thermos run`: a job file becomes running processes without any cluster.
local run = require 'support.run'
local socket = require 'socket'

local THERMOS = run.bin .. '/thermos'

local HEAD = [[
local function job(task, more)
  return { Job { cluster = "devcluster", role = "www-data", environment = "test", name = "job",
    task = task } }
end
local small = Resources { cpu = 0.1, ram = 16*MB, disk = 16*MB }
]]

describe('thermos run', function()
  local dir, box

  before_each(function()
    dir = run.temp()
    box = dir .. '/box'
  end)
  after_each(function() run.remove(dir) end)

  local function file(text, name)
    return run.write(dir .. '/' .. (name or 'job.lua'), HEAD .. text)
  end

  local function thermos(...)
    return run.run({ THERMOS, 'run', ... }, { timeout = 25 })
  end

  local function log(process, number, stream)
    return run.read(('%s/.logs/%s/%d/%s'):format(box, process, number or 0, stream or 'stdout'))
  end

  -- Start in the background; what it says goes to dir/out.
  local function background(path)
    os.execute(("sh -c 'echo $$ >%s/pid; exec %s run %s --directory %s' >%s/out 2>&1 &"):format(dir,
      THERMOS, path, box, dir))
  end

  local function signal(name)
    os.execute('kill -' .. name .. ' ' .. run.read(dir .. '/pid'))
  end

  local function until_said(words, where)
    return run.eventually(20, words, function()
      local text = run.read(dir .. '/' .. (where or 'out')) or ''
      return text:find(words) and text
    end)
  end

  it('runs the example hello_world until it is told to stop', function()
    background(run.root .. '/configs/examples/hello_world.lua')
    until_said('hello_world: started')
    assert.equal('0\n', log('fetch_package'))
    signal('TERM')
    local out = until_said('task killed')
    assert.matches('running devcluster/www%-data/devel/hello_world/0', out)
    assert.is_string(run.read(box .. '/hello_world.sh'))
  end)

  it('brings the files beside the job file', function()
    run.write(dir .. '/tool.sh', '#!/bin/sh\necho from a file\n')
    local path = file [[
return job(SequentialTask { resources = small, fetch = { "tool.sh" }, processes = {
  Process { name = "a", cmdline = "sh ./tool.sh" } } })]]
    assert.equal(0, thermos(path, '--directory', box).status)
    assert.equal('from a file\n', log('a'))
  end)

  it('gives named ports, the instance and the environment', function()
    local path = file [[
return job(Task { resources = small, processes = {
  Process { name = "show",
    cmdline = "echo {{mesos.instance}} {{thermos.ports[http]}} $PWD $USER" } } })]]
    local result = thermos(path, '--directory', box, '--instance', '7')
    assert.equal(0, result.status, result.out .. result.err)
    local instance, port, cwd = log('show'):match('^(%d+) (%d+) (%S+) %S+\n$')
    assert.equal('7', instance)
    assert.is_true(tonumber(port) > 1023)
    assert.equal(box, cwd)
  end)

  it('says that no container is made', function()
    local path = file [[return { job(SimpleTask("t", "true")) [1]
      { container = Docker { image = "nginx" } } }]]
    local result = thermos(path, '--directory', box)
    assert.equal(0, result.status, result.err)
    assert.matches('warning: .*job.lua: container: left out', result.err)
  end)

  it('takes parameters', function()
    local path = file [[
local word = param("word", { type = "string", default = "none" })
return job(SimpleTask { name = "say", cmdline = "echo " .. word })]]
    assert.equal(0, thermos(path, '--directory', box, '-p', 'word=given').status)
    assert.equal('given\n', log('say'))
  end)

  it('fails with 4, the reason and the sandbox kept', function()
    local path = file [[
return job(Task { resources = small, processes = {
  Process { name = "web", cmdline = "echo cannot bind >&2; exit 9" } } })]]
    local result = thermos(path)
    assert.equal(4, result.status)
    assert.matches("task failed: process 'web' failed: it exited with status 9; "
      .. 'the end of its stderr:\ncannot bind\n', result.out)
    local kept = result.out:match('sandbox: (%S+)')
    assert.equal('cannot bind\n', run.read(kept .. '/.logs/web/0/stderr'))
    run.remove(kept)
  end)

  it('removes its own sandbox after success, unless told to keep it', function()
    local path = file 'return job(SimpleTask { name = "a", cmdline = "true" })'
    local result = thermos(path)
    local used = result.out:match('in (/%S+)\n')
    assert.is_nil(run.read(used .. '/.thermos/stream.old'))
    result = thermos(path, '--keep')
    local kept = result.out:match('sandbox: (%S+)')
    assert.is_string(run.read(kept .. '/.thermos/stream.old'))
    run.remove(kept)
  end)

  it('refuses what is wrong with 3 or 5 and says what', function()
    local rows = {
      { { '/no/such/file.lua' }, 3, '/no/such/file.lua.*No such file' },
      { { file('return job(Tsk {})', 'bad.lua') }, 3, 'Tsk' },
      { { file('return {}', 'none.lua') }, 3, '0 jobs' },
      { { file 'return job(SimpleTask { name = "a", cmdline = "true" })', 'a/b/test/c' }, 3,
        "no job 'a/b/test/c'.*devcluster/www%-data/test/job" },
      { {}, 5, 'want: thermos run FILE' },
      { { 'x.lua', '--nonsense' }, 5, 'nonsense' },
      { { 'x.lua', '--instance', 'many' }, 5, 'instance' },
      { { 'x.lua', '-p', 'novalue' }, 5, 'NAME=VALUE' },
    }
    for _, row in ipairs(rows) do
      local result = thermos(table.unpack(row[1]))
      assert.equal(row[2], result.status, result.out .. result.err)
      assert.matches(row[3], result.err)
    end
  end)

  it('ends in good order when interrupted', function()
    local path = file [[
return job(Task { resources = small, finalization_wait = 5, processes = {
  Process { name = "a", cmdline = "touch up; exec sleep 1000" },
  Process { name = "bye", cmdline = "touch finalized", final = true } } })]]
    background(path)
    run.eventually(20, 'the process runs', function() return run.read(box .. '/up') end)
    signal('TERM')
    until_said('task killed')
    assert.is_string(run.read(box .. '/finalized'))
  end)

  it('is seen and ended by the other verbs, and seen by those who may', function()
    local function verb(...)
      return run.run({ THERMOS, ... }, { timeout = 25 })
    end
    background(file [[return job(Task { resources = small, processes = {
      Process { name = "main", cmdline = "echo began; exec sleep 1000" } } })]])
    until_said('began')
    local id = verb('status', '--root', box).out:match 'www%-data%-test%-job%-0%-%d+'
    -- A folder of sandboxes, whatever they are called.
    local folder = verb('status', '--root', (box:gsub('/[^/]*$', '')))
    assert.truthy(folder.out:find(id, 1, true), folder.out)
    local killed = verb('kill', id, '--root', box)
    assert.equal(id .. ': KILLED\n', killed.out, killed.err)
    assert.equal(0, killed.status)
    assert.truthy(verb('status', '--root', box).out:find('--all', 1, true))
    assert.truthy(verb('status', '--all', '--root', box).out:find('KILLED', 1, true))
    assert.equal('began\n', verb('tail', box, 'main').out)
    local nowhere = verb('status', '--root', box .. '/nowhere')
    assert.truthy(nowhere.err:find("there is no folder '" .. box .. "/nowhere'", 1, true))
    assert.equal(5, nowhere.status)
    local nobody = verb('inspect', 'nobody', '--root', box)
    assert.equal(6, nobody.status)
    assert.truthy(nobody.err:find('see: thermos status --all', 1, true), nobody.err)

    os.execute(('chmod 755 %s; chmod 700 %s'):format(dir, box))
    if run.run({ 'id', '-u' }).out ~= '0\n' then
      pending 'who may not see needs root to become somebody else'
      return
    end
    local other = run.run({ 'setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', THERMOS,
      'status', '--root', box }, { timeout = 25 })
    assert.truthy(other.err:find('sandboxes that you may not see: 1', 1, true), other.err)
  end)

  it('is followed over new runs, though another process writes without a pause', function()
    background(file [[return job(Task { resources = small, processes = {
      Process { name = "chatty", ephemeral = true,
        cmdline = "while :; do echo word; sleep 0.02; done" },
      Process { name = "again", max_failures = 4, min_duration = 0,
        cmdline = "echo try >> tries; echo run $(wc -l < tries); sleep 2; " ..
          "test $(wc -l < tries) -gt 2" } } })]])
    until_said('again | run 1')
    local follow = io.popen(('timeout 20 %s tail -f %s'):format(THERMOS, box))
    local seen = {}
    for line in follow:lines() do
      if line:find('again | run', 1, true) then seen[#seen + 1] = line:match '%d+' end
      if #seen == 2 then break end
    end
    signal 'INT' -- while it still talks: what is seen was seen in between
    follow:close()
    assert.same({ '1', '2' }, seen)
    until_said('task killed')
  end)

  it('is followed over rotated logs, line by line', function()
    background(file [[return job(Task { resources = small, processes = {
      Process { name = "main", logger = Logger { mode = "rotate",
          rotate = RotatePolicy { log_size = 40960, backups = 2 } },
        cmdline = "i=0; until test -e go; do sleep 0.05; done; while [ $i -lt 8000 ]; do " ..
          "i=$((i+1)); echo line $i; [ $((i%400)) -gt 0 ] || sleep 0.05; done" } } })]])
    until_said('main: started')
    local follow = io.popen(('touch %s/go; timeout 20 %s tail -f %s'):format(box, THERMOS, box))
    local last, gaps = nil, 0
    for line in follow:lines() do
      local number = tonumber(line:match '%d+')
      if last and number ~= last + 1 then gaps = gaps + 1 end
      last = number
    end
    follow:close()
    assert.same({ 8000, 0 }, { last, gaps })
  end)

  it('is followed though its logs rotate faster than anybody looks', function()
    background(file [[return job(Task { resources = small, processes = {
      Process { name = "main", logger = Logger { mode = "rotate",
          rotate = RotatePolicy { log_size = 4096, backups = 90 } },
        cmdline = "until test -e go; do sleep 0.05; done; seq 1 60000" } } })]])
    until_said('main: started')
    local follow = io.popen(('timeout 20 %s tail -f %s'):format(THERMOS, box))
    run.eventually(10, 'the follower', function()
      return run.run({ 'sh', '-c', 'ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c inotify' }).out
        ~= '0\n'
    end)
    run.write(box .. '/go', '')
    local last, gaps = 0, 0
    for line in follow:lines() do
      if tonumber(line) ~= last + 1 then gaps = gaps + 1 end
      last = tonumber(line)
    end
    follow:close()
    assert.same({ 60000, 0 }, { last, gaps })
  end)

  it('says why a process cannot be started, and shows it afterwards', function()
    local path = file [[return job(SequentialTask { resources = small, processes = {
      Process { name = "spoil", cmdline = "rm -rf .logs; touch .logs" },
      Process { name = "main", cmdline = "true" } } })]]
    local result = run.run({ THERMOS, 'run', path, '--directory', box }, { timeout = 25 })
    assert.equal(4, result.status)
    assert.matches("main: could not be started (run 1): log '.logs/main': Not a directory",
      result.out, 1, true)
    local shown = run.run({ THERMOS, 'inspect', box }, { timeout = 25 }).out
    assert.matches("FAILED  could not be started: log '.logs/main'", shown, 1, true)
  end)

  it('is found by the bare name of its folder', function()
    local path = file [[return job(Task { resources = small, processes = {
      Process { name = "main", cmdline = "echo said" } } })]]
    assert.equal(0, run.run({ THERMOS, 'run', path, '--directory', box }, { timeout = 25 }).status)
    local parent, name = box:match '^(.*)/([^/]+)$'
    local tail = run.run({ THERMOS, 'tail', name }, { cwd = parent, timeout = 25 })
    assert.same({ 'said\n', 0 }, { tail.out, tail.status })
    local wrong = run.run({ THERMOS, 'observe', 'no-such-folder' }, { timeout = 25 })
    assert.matches("there is no folder 'no-such-folder'", wrong.err, 1, true)
    assert.equal(5, wrong.status)
  end)

  it('takes up an unfinished task after kill -9', function()
    local path = file [[
return job(SequentialTask { resources = small, processes = {
  Process { name = "one", cmdline = "echo x >>one" },
  Process { name = "two", cmdline = "echo x >>two; while ! test -e go; do sleep 0.05; done" },
  Process { name = "three", cmdline = "echo x >>three" } } })]]
    background(path)
    run.eventually(20, 'the second runs', function() return run.read(box .. '/two') end)
    signal('KILL')
    os.execute(('(%s run %s --directory %s; echo status $?) >%s/again 2>&1 &'):format(
      THERMOS, path, box, dir))
    until_said('two: still running', 'again')
    run.write(box .. '/go', '')
    local again = until_said('status %d', 'again')
    -- Nobody saw the exit status of "two": it runs again, the others do not.
    assert.matches('two: lost', again)
    assert.matches('status 0', again)
    assert.equal('x\n', run.read(box .. '/one'))
    assert.equal('x\nx\n', run.read(box .. '/two'))
    assert.equal('x\n', run.read(box .. '/three'))
  end)

  it('does not wait for what it left running in the background', function()
    local path = file [[
return job(SimpleTask { name = "a", cmdline = "(setsid sleep 1000 &) ; sleep 0.05" })]]
    local before = socket.gettime()
    assert.equal(0, thermos(path, '--directory', box).status)
    assert.is_true(socket.gettime() - before < 10)
  end)

  it('shows what processes write, as it comes', function()
    local path = file [[
return job(Task { resources = small, constraints = order("a", "b"), processes = {
  Process { name = "a", cmdline = "echo one; printf two; echo bad >&2" },
  Process { name = "b", cmdline = "echo on {{thermos.ports[http]}}" } } })
]]
    local shown = thermos(path, '--port', 'http=8099', '--directory', box)
    assert.equal(0, shown.status, shown.err)
    for _, line in ipairs { 'a | one\n', 'a | two\n', 'a | bad\n', 'b | on 8099\n' } do
      assert.truthy(shown.out:find(line, 1, true), line .. shown.out)
    end
    assert.is_true(shown.out:find('a | two', 1, true) < shown.out:find('a: succeeded', 1, true))
    assert.equal('one\ntwo', log 'a')
    local quiet = thermos(path, '--quiet')
    assert.equal(0, quiet.status)
    assert.falsy(quiet.out:find('| one', 1, true))
  end)

  it('runs one process alone', function()
    local path = file [[
return job(Task { resources = small, constraints = order("a", "b", "c"), processes = {
  Process { name = "a", cmdline = "touch a" }, Process { name = "b", cmdline = "touch b" },
  Process { name = "c", cmdline = "touch c" } } })
]]
    assert.equal(0, thermos(path, '--only', 'c', '--only', 'b', '--directory', box).status)
    assert.is_nil(run.read(box .. '/a'))
    assert.is_string(run.read(box .. '/b'))
    assert.is_string(run.read(box .. '/c'))
    local wrong = thermos(path, '--only', 'd')
    assert.equal(3, wrong.status)
    assert.truthy(wrong.err:find("the task has no process 'd'", 1, true))
    assert.truthy(wrong.err:find('it has: a, b, c', 1, true))
    assert.equal(3, thermos(path, '--port', 'http=1').status)
    assert.equal(5, thermos(path, '--port', 'http').status)
  end)
end)
