-- thermos on a disk that is full: the end is told, and what was told is kept.
-- The sandbox is a small file system of its own, in a user namespace.
local run = require 'support.run'

local JOB = [[
return { Job { cluster = "devcluster", role = "www-data", environment = "test", name = "full",
  task = %s } }
]]
local SMALL = 'resources = Resources { cpu = 0.1, ram = 16*MB, disk = 16*MB }'

describe('thermos on a full disk', function()
  local dir

  before_each(function()
    dir = run.temp()
    os.execute('mkdir -p ' .. dir .. '/box')
  end)
  after_each(function() run.remove(dir) end)

  -- Runs the task in a file system of 256 KiB and 50 files, and then the shell's words there.
  local function thermos(task, after)
    local path = run.write(dir .. '/job.lua', JOB:format(task))
    return run.run({ 'unshare', '-rm', 'sh', '-c', ([[
      mount -t tmpfs -o size=256k,nr_inodes=50 none %s/box || exit 99
      %s/thermos run %s --directory %s/box; status=$?
      cd %s/box; %s
      exit $status]]):format(dir, run.bin, path, dir, dir, after or 'true') }, { timeout = 40 })
  end

  local can_mount = os.execute("unshare -rm mount -t tmpfs none /mnt 2>/dev/null")
  local test = can_mount and it or function(name)
    pending(name .. ' (user namespaces may not mount here)')
  end

  test('ends a task that can never go on, and says why', function()
    local result = thermos(([[SequentialTask { %s, processes = {
      Process { name = "fill", min_duration = 0, cmdline =
        "while : >file$((n += 1)); do :; done; true" },
      Process { name = "main", min_duration = 0, cmdline = "true" } } }]]):format(SMALL))
    assert.equal(4, result.status, result.out .. result.err)
    assert.matches("process 'main' failed: it could not be started: log '.logs/main", result.out,
      1, true)
    assert.matches('No space left on device', result.out, 1, true)
  end)

  test('loses output, but no process and no end of one', function()
    local result = thermos(([[Task { %s, processes = {
      Process { name = "fill", min_duration = 0, cmdline =
        "until test -e talks; do sleep 0.02; done; " ..
        "dd if=/dev/zero of=fill bs=4096 2>/dev/null; echo full >%s/full" },
      Process { name = "talk", min_duration = 0, cmdline =
        "touch talks; until test -e %s/full; do sleep 0.02; done; " ..
        "seq 1 100000; echo end >%s/said; until test -e %s/freed; do sleep 0.02; done; " ..
        "echo again" },
      Process { name = "free", min_duration = 0, cmdline =
        "until test -e %s/said; do sleep 0.02; done; rm fill; echo freed >%s/freed" } } }]])
      :format(SMALL, dir, dir, dir, dir, dir, dir),
      ('%s/thermos read .thermos/stream.old --json; tail -n 1 .logs/talk/0/stdout'):format(run.bin))
    assert.equal(0, result.status, result.out .. result.err)
    local ends = {}
    for number, state in result.out:gmatch '"process":(%d).-"state":"(%u+)"' do
      if state ~= 'RUNNING' then ends[#ends + 1] = number .. state end
    end
    table.sort(ends)
    assert.same({ '0SUCCESS', '1SUCCESS', '2SUCCESS' }, ends)
    assert.matches('again\n$', result.out)
  end)

  test('loses no line of a log that can be followed by no other file', function()
    local result = thermos(([[Task { %s, processes = {
      Process { name = "talk", min_duration = 0, logger = Logger { rotate = Rotate {
          log_size = 16*KB, backups = 2 } }, cmdline =
        "touch talks; until test -e %s/full; do sleep 0.02; done; seq 1 8000" },
      Process { name = "fill", min_duration = 0, cmdline =
        "until test -e talks -a -e .logs/talk/0/stdout; do sleep 0.02; done; " ..
        "while { : >file$((n += 1)); } 2>/dev/null; do :; done; touch %s/full" } } }]])
      :format(SMALL, dir, dir),
      'cat .logs/talk/0/stdout.2 .logs/talk/0/stdout.1 .logs/talk/0/stdout 2>/dev/null >' ..
        dir .. '/lines; seq 1 8000 | cmp - ' .. dir .. '/lines && echo every line')
    assert.equal(0, result.status, result.out .. result.err)
    assert.matches('every line\n$', result.out)
  end)
end)
