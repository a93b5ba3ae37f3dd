-- thermos' verbs over the tasks of a machine, and its observer: pages, data,
-- what must not get out, and how a browser sees it.

local cluster = require 'support.cluster'
local run = require 'support.run'

local c, observer, task, sandbox

local function thermos(words, options)
  local all = { run.bin .. '/thermos' }
  for _, word in ipairs(words) do all[#all + 1] = word end
  return run.run(all, options)
end

local function on_machine(...)
  local words = { ... }
  words[#words + 1] = '--root=' .. c.dir .. '/dev'
  return thermos(words)
end

local function get(path)
  return run.get(observer .. path)
end

local FILE = [[
return { Service { cluster = "devcluster", role = "www-data", environment = "test",
  name = "watched",
  task = Task { processes = {
      Process { name = "count", cmdline = "echo '<b>bold</b> & more'; " ..
        "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done" },
      Process { name = "fails", cmdline = "echo went wrong >&2; exit 3",
        max_failures = 2, min_duration = 0 },
      Process { name = "idle", cmdline = "ln -s /etc/passwd out; " ..
        "ln -s count.txt inside; echo 1234567890 > count.txt; mkfifo pipe; " ..
        "mkdir 'a b'; echo x > 'a b/<i>.txt'; exec sleep 1000" } },
    max_failures = 0,
    resources = Resources { cpu = 0.1, ram = 32*MB, disk = 8*MB } } } }
]]

describe('the observer', function()
  lazy_setup(function()
    c = cluster.start()
    observer = 'http://' .. c.info.observer
    c:must { 'create', 'devcluster/www-data/test/watched', c:file('watched.lua', FILE),
      '--wait-until', 'RUNNING' }
    task = run.eventually(20, 'the process that fails', function()
      for _, one in ipairs(get('/j/task_ids').json) do
        local got = get('/j/task?task_id=' .. one).json
        if got.processes[2].state == 'FAILED' and #got.processes[2].runs == 2 then
          return got
        end
      end
    end)
    sandbox = task.sandbox
    run.eventually(20, 'its files', function() return run.read(sandbox .. '/a b/<i>.txt') end)
  end)
  lazy_teardown(function() c:stop() end)

  it('tells a task with its processes and their runs', function()
    assert.equal('ACTIVE', task.state)
    assert.equal('devcluster/www-data/test/watched', task.job)
    assert.equal('www-data', task.user)
    assert.equal('RUNNING', task.processes[1].state)
    assert.is_true(task.processes[1].usage.processes >= 1)
    assert.is_true(task.processes[1].usage.memory_bytes > 0)
    assert.is_nil(task.processes[2].usage)
    assert.equal('exited with status 3', task.processes[2].runs[1].status)
    assert.equal('echo went wrong >&2; exit 3', task.processes[2].cmdline)
    assert.equal('1', get('/j/task_id_count').body)
    assert.equal(3, #get('/j/processes?task_id=' .. task.task_id).json)
    assert.equal(404, get('/j/task?task_id=nobody').status)
    assert.equal(400, get('/j/process?task_id=' .. task.task_id).status)
  end)

  it('escapes what others wrote, in logs and in names', function()
    local log = get('/logs/' .. task.task_id .. '/count/0/stdout')
    assert.equal(200, log.status)
    assert.truthy(log.body:find('&lt;b&gt;bold&lt;/b&gt; &amp; more', 1, true))
    assert.falsy(log.body:find('<b>bold', 1, true))
    assert.truthy(log.headers['content-security-policy']:find("default-src 'none'", 1, true))
    local folder = get('/browse/' .. task.task_id .. '/a%20b')
    assert.truthy(folder.body:find('&lt;i&gt;.txt', 1, true))
    assert.truthy(folder.body:find('/a%20b/%3Ci%3E.txt', 1, true))
    assert.equal(200, get('/file/' .. task.task_id .. '/a%20b/%3Ci%3E.txt').status)
  end)

  it('gives pieces of logs, and where to go on', function()
    local first = get('/logdata/' .. task.task_id .. '/count/0/stdout?offset=0&length=8').json
    assert.same({ '<b>bold<', 0, 8 }, { first.data, first.offset, first.next })
    assert.is_true(first.size > 8)
    local size = get('/logdata/' .. task.task_id .. '/count/0/stdout').json
    assert.same({ '', size.size }, { size.data, size.next })
    assert.equal(400, get('/logdata/' .. task.task_id .. '/count/0/stdout?offset=x').status)
    assert.equal(404, get('/logdata/' .. task.task_id .. '/count/9/stdout').status)
    assert.equal(404, get('/logdata/' .. task.task_id .. '/count/0/x').status)
  end)

  it('sends files whole and in ranges', function()
    local url = observer .. '/download/' .. task.task_id .. '/count.txt'
    local function range(value)
      local answer = run.http('GET', url, nil, { Range = value })
      return { answer.status, answer.body, answer.headers['content-range'] }
    end
    assert.same({ 200, '1234567890\n' }, range(nil))
    assert.same({ 206, '123', 'bytes 0-2/11' }, range 'bytes=0-2')
    assert.same({ 206, '890\n', 'bytes 7-10/11' }, range 'bytes=7-')
    assert.same({ 206, '0\n', 'bytes 9-10/11' }, range 'bytes=-2')
    local outside = range 'bytes=11-'
    assert.same({ 416, 'bytes */11' }, { outside[1], outside[3] })
    assert.same({ 200, '1234567890\n' }, range 'bytes=4-2')
    assert.same({ 200, '1234567890\n' }, range 'lines=1-2')
    assert.same({ 200, '1234567890\n' }, range 'bytes=0-1,4-5')
    assert.equal(416, range('bytes=-0')[1])
    assert.same({ 206, '1234567890\n', 'bytes 0-10/11' }, range 'bytes=-99999999999999999999')
  end)

  it('stays inside of sandboxes', function()
    local function status(path)
      local answer = run.run { 'curl', '-s', '-o', '/dev/null', '-w', '%{http_code}',
        '--path-as-is', observer .. path }
      return answer.out
    end
    for _, verb in ipairs { 'file', 'filedata', 'browse', 'download' } do
      local base = '/' .. verb .. '/' .. task.task_id
      assert.equal('403', status(base .. '/../../../../../../../../etc/passwd'), verb)
      assert.equal('403', status(base .. '/%2e%2e/%2e%2e'), verb)
      assert.equal('403', status(base .. '/out'), verb)
      assert.equal('404', status(base .. '//etc/passwd'), verb)
      assert.equal('404', status(base .. '/nothing'), verb)
    end
    assert.equal('403', status('/file/' .. task.task_id .. '/pipe'))
    assert.equal('403', status('/download/' .. task.task_id .. '/pipe'))
    assert.equal('200', status('/download/' .. task.task_id .. '/inside'))
    assert.equal('404', status('/task/..%2f..%2fetc'))
    assert.equal('404', status('/logs/' .. task.task_id .. '/..%2f..%2fcount.txt/0/stdout'))
    assert.equal('404', status '/nothing')
    assert.equal(405, run.post(observer .. '/', {}).status)
  end)

  it('counts tasks by state', function()
    local text = get('/metrics').body
    assert.truthy(text:find('observer_tasks{state="ACTIVE"} 1', 1, true))
    assert.truthy(text:find('observer_requests_total', 1, true))
  end)

  it('shows its pages in a browser, and follows a log', function()
    local function dom(path)
      local seen = run.run({ 'chromium', '--headless', '--no-sandbox', '--disable-gpu',
        '--disable-dev-shm-usage', '--user-data-dir=' .. c.dir .. '/browser',
        '--virtual-time-budget=4000', '--dump-dom', observer .. path },
        { timeout = 60, env = { HOME = c.dir } })
      assert.equal(0, seen.status, seen.err)
      return seen.out
    end
    assert.truthy(dom('/'):find('href="/task/' .. task.task_id .. '"', 1, true))
    assert.truthy(dom('/task/' .. task.task_id):find('class="FAILED">FAILED', 1, true))
    -- The page begins with what there is; what comes later is brought by the
    -- script. In the browser's own time little may have come: look again.
    run.eventually(60, 'lines that came later', function()
      local page = dom('/logs/' .. task.task_id .. '/count/0/stdout')
      assert.truthy(page:find('following', 1, true))
      local offset = tonumber(page:match 'data%-offset="(%d+)"')
      local data = run.read(sandbox .. '/.logs/count/0/stdout'):sub(1, offset)
      local last, at_load = 0, tonumber(data:match '.*line (%d+)\n')
      for number in page:gmatch 'line (%d+)' do last = math.max(last, tonumber(number)) end
      return last > at_load
    end)
  end)

  it('shows the same on the command line', function()
    local status = on_machine 'status'
    assert.truthy(status.out:find(task.task_id, 1, true))
    assert.truthy(status.out:find 'ACTIVE')
    local inspected = on_machine('inspect', task.task_id:sub(1, -2))
    assert.truthy(inspected.out:find('fails: FAILED', 1, true), inspected.out)
    assert.truthy(inspected.out:find('exited with status 3', 1, true))
    assert.equal('went wrong\n', on_machine('tail', task.task_id, 'fails', '--stderr').out)
    assert.truthy(on_machine('tail', sandbox, 'count', '-n', '1').out:find '^line %d+\n')
    local named = on_machine('tail', task.task_id, '-n', '1')
    assert.truthy(named.out:find 'count | line %d+')
    assert.equal(6, on_machine('tail', task.task_id, 'nobody').status)
    assert.truthy(on_machine('tail', task.task_id, 'nobody').err
      :find('its processes: count, fails, idle', 1, true))
    assert.equal(6, on_machine('inspect', 'nobody').status)
    assert.equal(5, on_machine('inspect').status)
    assert.equal(5, on_machine('status', '--nonsense').status)
    local records = thermos { 'read', sandbox .. '/.thermos/stream', '--json' }
    assert.equal(0, records.status)
    assert.truthy(records.out:find('"header":{"format":1', 1, true))
    assert.equal(6, thermos({ 'read', sandbox .. '/nothing' }).status)
    assert.equal(4, thermos({ 'read', sandbox .. '/count.txt' }).status)
  end)

  it('follows a task to its end, and ends it', function()
    local follow = io.popen(('%s/thermos tail %s count -f -n 1 --root %s/dev; echo over')
      :format(run.bin, task.task_id, c.dir))
    assert.truthy(follow:read 'l')
    local killed = on_machine('kill', task.task_id)
    assert.equal(0, killed.status, killed.err)
    assert.equal(task.task_id .. ': KILLED\n', killed.out)
    assert.truthy(follow:read('a'):find 'over\n$')
    follow:close()
    local again = on_machine('kill', task.task_id)
    assert.equal(4, again.status)
    assert.truthy(again.err:find('has ended already', 1, true))
    assert.truthy(on_machine('status', '--all').out:find('KILLED', 1, true))
  end)
end)
