-- perigee-agent as a program: real containers under a real master.
local framework = require 'support.framework'
local Pair = require 'support.pair'
local run = require 'support.run'
local socket = require 'socket'

local sh, is_alive = Pair.sh, Pair.is_alive
local is_root, has_cgroups = Pair.is_root, Pair.has_cgroups
local task = framework.task

describe('perigee-agent', function()
  local p
  local function start(flags, prefix)
    p = Pair.start(flags, { prefix = prefix })
    return p
  end
  after_each(function() if p then p:stop() end p = nil end)

  it('runs a command in a sandbox with the environment of Mesos', function()
    local f = start():framework()
    f:launch { task('t', 'pwd; env; echo oops >&2') }
    assert.equal('TASK_STARTING', f:status('t').state)
    local running = f:status('t')
    assert.equal('TASK_RUNNING', running.state)
    assert.equal('SOURCE_EXECUTOR', running.source)
    assert.equal('t', running.executor_id.value)
    assert.equal('127.0.0.1',
      running.container_status.network_infos[1].ip_addresses[1].ip_address)
    assert.is_number(running.container_status.executor_pid)
    local container = running.container_status.container_id.value
    assert.equal('TASK_FINISHED', f:status('t').state)
    local out = p:read('t', 'stdout')
    local sandbox = ('%s/agent/slaves/%s/frameworks/%s/executors/t/runs/%s'):format(p.dir,
      f.agent_id.value, f.id.value, container)
    assert.equal(sandbox, out:match('^[^\n]+'))
    for _, line in ipairs {
      'MESOS_SANDBOX=' .. sandbox, 'MESOS_DIRECTORY=' .. sandbox, 'MESOS_EXECUTOR_ID=t',
      'MESOS_FRAMEWORK_ID=' .. f.id.value, 'MESOS_SLAVE_ID=' .. f.agent_id.value,
      'MESOS_AGENT_ENDPOINT=127.0.0.1:' .. p.agent_port, 'MESOS_CHECKPOINT=1',
      'MESOS_RECOVERY_TIMEOUT=15mins', 'MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=5secs' } do
      assert.truthy(('\n' .. out):find('\n' .. line .. '\n', 1, true), line)
    end
    assert.equal('oops\n', p:read('t', 'stderr'))
    assert.equal('750', sh('stat -c %a ' .. sandbox):match('%d+'))
  end)

  it('serves sandboxes and nothing else', function()
    local f = start():framework()
    f:launch { task('t', 'echo out; ln -s /etc/passwd leak; mkdir d; echo x >"a b"') }
    assert.equal('TASK_FINISHED', f:ending('t').state)
    local box = p:sandbox('t')
    local function get(operation, query)
      return run.get(p.agent .. '/files/' .. operation .. query)
    end
    local function read(rest) return get('read', '?path=' .. box .. '/stdout' .. rest).json end
    local list = get('browse', '?path=' .. box).json
    local entry = {}
    for _, one in ipairs(list) do entry[one.path:match('[^/]*$')] = one end
    assert.equal(4, entry.stdout.size)
    assert.equal('-rw-r--r--', entry.stdout.mode)
    assert.equal('drwxr-xr-x', entry.d.mode)
    assert.equal(box .. '/stdout', entry.stdout.path)
    assert.same({ data = 'out\n', offset = 0 }, read('&offset=0&length=100'))
    assert.same({ data = 't', offset = 2 }, read('&offset=2&length=1'))
    assert.same({ data = '', offset = 4 }, read(''))
    assert.same({ data = '', offset = 100 }, read('&offset=100'))
    local file = get('download', '?path=' .. box .. '/stdout')
    assert.equal('out\n', file.body)
    assert.equal('attachment; filename=stdout', file.headers['content-disposition'])
    assert.equal('application/octet-stream', file.headers['content-type'])
    assert.equal('x\n', get('download', '?path=' .. box .. '/a%20b').body)
    local function piece(range)
      local answer = run.http('GET', p.agent .. '/files/download?path=' .. box .. '/stdout', nil,
        { Range = 'bytes=' .. range })
      return { answer.status, answer.body, answer.headers['content-range'] }
    end
    assert.same({ 206, 'ut\n', 'bytes 1-3/4' }, piece '1-100')
    assert.same({ 206, 'o', 'bytes 0-0/4' }, piece '0-0')
    assert.same({ 416, '', 'bytes */4' }, piece '4-')
    for query, wanted in pairs {
      ['browse'] = { 400, "Expecting 'path=value' in query.\n" },
      ['browse?path=/nope'] = { 404, '' },
      ['read?path=/nope&offset=0'] = { 404, '' },
      ['download?path=/nope'] = { 404, '404 Not Found.' },
      ['read?path=/etc/passwd'] = { 404, '' },
      ['read?path=' .. box .. '&offset=0'] = { 400, 'Cannot read a directory.\n' },
      ['download?path=' .. box] = { 400, 'Cannot download a directory.\n' },
      ['read?path=' .. box .. '/stdout&offset=abc'] =
        { 400, "Failed to parse offset: Failed to convert 'abc' to number.\n" },
      ['read?path=' .. box .. '/leak&offset=0'] =
        { 400, "'" .. box .. "/leak' is inaccessible.\n" },
      ['browse?path=' .. box .. '/..'] = { 400, "'" .. box .. "/..' is inaccessible.\n" },
    } do
      local answer = run.get(p.agent .. '/slave(1)/files/' .. query)
      assert.same(wanted, { answer.status, answer.body })
    end
  end)

  it('fails what cannot be launched with a text that helps', function()
    local f = start():framework()
    f:launch {
      task('fetch', { value = 'true', uris = { { value = 'file:///no/such/file' } } }),
      task('image', 'true', { container = { type = 'DOCKER', docker = { image = 'x' } } }),
      task('user', { value = 'true', user = 'no-such-user' }),
    }
    local seen = { fetch = f:ending('fetch'), image = f:ending('image'), user = f:ending('user') }
    assert.equal('REASON_CONTAINER_LAUNCH_FAILED', seen.fetch.reason)
    assert.matches('^Failed to launch container: Failed to fetch all URIs for container ',
      seen.fetch.message)
    assert.matches('No such file or directory', seen.fetch.message)
    assert.matches('does not support Docker containers', seen.image.message)
    if is_root then
      assert.equal('Failed to launch container: ' ..
        "user 'no-such-user' does not exist on this agent; " ..
        'create it (useradd no-such-user) or choose another role', seen.user.message)
    end
  end)

  it('puts fetched files into the sandbox before the start', function()
    start()
    run.write(p.dir .. '/hello.sh', 'echo hello from a file')
    local f = p:framework()
    f:launch { task('t', { value = 'sh hello.sh; [ -x hello.sh ]',
      uris = { { value = 'file://' .. p.dir .. '/hello.sh', executable = true } } }) }
    assert.equal('TASK_FINISHED', f:ending('t').state)
    assert.equal('hello from a file\n', p:read('t', 'stdout'))
  end)

  it('kills with the grace of the call', function()
    local f = start():framework()
    f:launch { task('t', "trap '' TERM; echo up; while :; do sleep 0.1; done") }
    f:reach('t', 'TASK_RUNNING')
    run.eventually(10, 'trap set', function() return p:read('t', 'stdout') == 'up\n' end)
    local begun = socket.gettime()
    f:kill('t', 300)
    assert.equal('TASK_KILLED', f:ending('t').state)
    local took = socket.gettime() - begun
    assert.truthy(took > 0.25 and took < 2.5, took)
  end)

  it('says FAILURE, then TASK_FAILED, when a custom executor exits', function()
    local f = start():framework()
    f:launch { task('t', nil, { executor = {
      type = 'CUSTOM', executor_id = { value = 'dead' }, command = { value = 'exit 7' },
      resources = task('x').resources } }) }
    local failure = f:await('FAILURE').failure
    assert.same({ 'dead', 1792 }, { failure.executor_id.value, failure.status })
    local last = f:ending('t')
    assert.same({ 'TASK_FAILED', 'REASON_EXECUTOR_TERMINATED', 'Executor terminated',
      'SOURCE_AGENT' }, { last.state, last.reason, last.message, last.source })
  end)

  it('destroys an executor that never subscribes', function()
    local f = start('--executor_registration_timeout=300ms'):framework()
    f:launch { task('t', nil, { executor = {
      type = 'CUSTOM', executor_id = { value = 'mute' }, command = { value = 'sleep 1000' },
      resources = task('x').resources } }) }
    assert.equal(9, f:await('FAILURE').failure.status)
    local last = f:ending('t')
    assert.same({ 'REASON_EXECUTOR_REGISTRATION_TIMEOUT',
      'Executor did not register within 300ms' }, { last.reason, last.message })
  end)

  it('speaks the executor API with an executor of shell and curl', function()
    start()
    local script = run.write(p.dir .. '/executor.sh', [=[
url=http://$MESOS_AGENT_ENDPOINT/api/v1/executor
who="\"executor_id\":{\"value\":\"$MESOS_EXECUTOR_ID\"}"
who="$who,\"framework_id\":{\"value\":\"$MESOS_FRAMEWORK_ID\"}"
post() { curl -s -H 'Content-Type: application/json' -d "{$who,$1}" "$url"; }
update() { # task, state, last digit of the uuid
  post "\"type\":\"UPDATE\",\"update\":{\"status\":{\"task_id\":{\"value\":\"$1\"},\
\"state\":\"$2\",\
\"source\":\"SOURCE_EXECUTOR\",\"message\":\"by curl\",\"uuid\":\"AAAAAAAAQACAAAAAAAA$3AA==\"}}"
}
while read -r length; do
  IFS= LC_ALL=C read -r -N "$length" event
  echo "$event"
  case $event in
  *'"type":"LAUNCH"'*one*) update one TASK_RUNNING B ;;
  *'"type":"LAUNCH"'*two*) update two TASK_RUNNING C ;;
  *'"type":"KILL"'*) update one TASK_KILLED D ;;
  *'"type":"MESSAGE"'*) post '"type":"MESSAGE","message":{"data":"aGVsbG8="}' ;;
  *'"type":"SHUTDOWN"'*) exit 0 ;;
  esac
done < <(curl -sN -H 'Content-Type: application/json' \
  -d "{$who,\"type\":\"SUBSCRIBE\",\"subscribe\":{}}" "$url")]=])
    local executor = { type = 'CUSTOM', executor_id = { value = 'curl' },
      command = { value = 'exec bash ' .. script }, resources = task('x').resources }
    local f = p:framework()
    local more = { executor = executor }
    f:launch { task('one', nil, more), task('two', nil, more) }
    local up = { one = f:status('one'), two = f:status('two') }
    assert.same({ 'TASK_RUNNING', 'by curl' }, { up.one.state, up.one.message })
    assert.is_string(up.one.container_status.container_id.value)
    f:call('MESSAGE', { message = {
      agent_id = f.agent_id, executor_id = { value = 'curl' }, data = 'aGk=' } })
    assert.equal('aGVsbG8=', f:await('MESSAGE').message.data)
    f:kill('one')
    assert.equal('TASK_KILLED', f:ending('one').state)
    f:call('SHUTDOWN', { shutdown = { agent_id = f.agent_id, executor_id = { value = 'curl' } } })
    assert.equal('curl', f:await('FAILURE').failure.executor_id.value)
    assert.equal('Executor terminated', f:ending('two').message)
    local log = p:read('curl', 'stdout')
    assert.matches('"type":"SUBSCRIBED".*"type":"LAUNCH".*"type":"ACKNOWLEDGED"', log)
  end)

  it('keeps tasks and their ids when it is killed', function()
    local f = start():framework()
    f:launch { task('a', 'echo $$ >pid; exec sleep 1000'), task('b', 'exec sleep 1000') }
    f:reach('a', 'TASK_RUNNING')
    local executor = f:reach('b', 'TASK_RUNNING').container_status.executor_pid
    local pid = run.eventually(10, 'pid written', function()
      return tonumber(p:read('a', 'pid') or '')
    end)
    p:kill(p.agent_pid, 'KILL')
    sh(('kill -9 $(pgrep -P %d) %d'):format(executor, executor)) -- b's executor and runner
    p:start_agent()
    local last = f:ending('b')
    assert.same({ 'TASK_FAILED', 'REASON_EXECUTOR_TERMINATED' }, { last.state, last.reason })
    assert.truthy(is_alive(pid))
    f:call('RECONCILE', { reconcile = { tasks = {
      { task_id = { value = 'a' }, agent_id = f.agent_id } } } })
    assert.equal('TASK_RUNNING', f:status('a').state)
    f:kill('a')
    assert.equal('TASK_KILLED', f:ending('a').state)
    assert.falsy(is_alive(pid))
  end)

  it('tells what finished while it was away', function()
    local f = start():framework()
    f:launch { task('t', 'while [ ! -e go ]; do sleep 0.01; done') }
    local container = f:reach('t', 'TASK_RUNNING').container_status.container_id.value
    local sandbox = sh('ls -d ' .. p.dir .. '/agent/slaves/*/frameworks/*/executors/t/runs/' ..
      container):match('%S+')
    p:kill(p.agent_pid, 'KILL')
    run.write(sandbox .. '/go', '')
    p:start_agent()
    assert.equal('TASK_FINISHED', f:ending('t').state)
  end)

  it('leaves containers running on SIGTERM and exits 0', function()
    local f = start():framework()
    f:launch { task('t', 'exec sleep 1000') }
    local pid = f:reach('t', 'TASK_RUNNING').container_status.executor_pid
    p:kill(p.agent_pid, 'TERM')
    assert.truthy(is_alive(pid))
    p:start_agent()
    f:kill('t')
    assert.equal('TASK_KILLED', f:ending('t').state)
  end)

  it('ends what a container started, however it hides', function()
    for _, flags in ipairs { '--isolation=posix', '--isolation=auto' } do
      local f = start(flags):framework()
      f:launch { task('t', '(setsid sh -c "echo \\$\\$ >orphan; exec sleep 1000" &); ' ..
        'while [ ! -s orphan ]; do :; done; exit 0') }
      assert.equal('TASK_FINISHED', f:ending('t').state)
      local pid = tonumber(p:read('t', 'orphan'))
      run.eventually(10, 'orphan gone', function() return not is_alive(pid) end)
      f:launch { task('u', nil, { executor = { -- one that takes no care itself
        type = 'CUSTOM', executor_id = { value = 'e' }, resources = task('x').resources,
        command = { value = '(setsid sh -c "echo \\$\\$ >orphan; exec sleep 1000" &); ' ..
          'while [ ! -s orphan ]; do :; done; exit 0' } } }) }
      local last = f:ending('u')
      assert.equal('TASK_FAILED', last.state, last.message)
      assert.falsy(is_alive(tonumber(p:read('e', 'orphan'))))
      p:stop()
      p = nil
    end
  end)

  if has_cgroups then
    it('ends a task over its memory limit with peak and limit', function()
      local f = start('--isolation=cgroups'):framework()
      f:launch { task('t', 'x=x; while :; do x=$x$x; done') }
      local last = f:ending('t', 30)
      assert.same({ 'TASK_FAILED', 'REASON_CONTAINER_LIMITATION_MEMORY', 'SOURCE_AGENT' },
        { last.state, last.reason, last.source })
      assert.matches('^Memory limit exceeded: Requested: 64MB Maximum Used: 6%dMB\n', last.message)
      assert.equal(64, last.limitation.resources[1].scalar.value)
    end)
  end

  if is_root then
    it('runs a task as its user', function()
      local f = start():framework { user = 'nobody' }
      f:launch { task('t', 'id -un; touch made') }
      assert.equal('TASK_FINISHED', f:ending('t').state)
      assert.equal('nobody\n', p:read('t', 'stdout'))
    end)

    it('runs nothing as root unless told to', function()
      local f = start():framework { user = 'root' }
      f:launch { task('t', 'touch made') }
      local last = f:ending('t')
      assert.equal('TASK_FAILED', last.state)
      assert.matches("user 'root': tasks do not run as root on this agent; choose another role, "
        .. 'or start the agent with %-%-allow_root', last.message)
      p:stop()
      f = start('--allow_root'):framework { user = 'root' }
      f:launch { task('t', 'id -un') }
      assert.equal('TASK_FINISHED', f:ending('t').state)
      assert.equal('root\n', p:read('t', 'stdout'))
    end)

    it('works without root and says what that means', function()
      local f = start('', 'setpriv --reuid=65534 --regid=65534 --clear-groups'):framework()
      assert.matches('isolation is by process groups only', run.read(p.dir .. '/log'))
      f:launch { task('t', 'id -u; exec sleep 1000') }
      f:reach('t', 'TASK_RUNNING')
      p:kill(p.agent_pid, 'KILL')
      p:start_agent()
      f:kill('t')
      assert.equal('TASK_KILLED', f:ending('t').state)
      assert.equal('65534\n', p:read('t', 'stdout'))
    end)
  end

  it('removes sandboxes that ended long ago, and only those', function()
    local f = start():framework()
    f:launch { task('old', 'true'), task('live', 'exec sleep 1000') }
    f:ending('old')
    local container = f:reach('live', 'TASK_RUNNING').container_status.container_id.value
    local function sweep(before)
      local result = run.run { run.bin .. '/perigee-agent', 'sweep', p.dir .. '/agent', before,
        container }
      assert.equal(0, result.status, result.err)
    end
    sweep('1000')
    assert.equal('', p:read('old', 'stdout'))
    sweep('99999999999999')
    assert.equal(nil, p:read('old', 'stdout'))
    assert.equal('', p:read('live', 'stdout'))
  end)

  it('refuses bad configuration with what to do', function()
    start()
    local function agent(flags)
      local words = { run.bin .. '/perigee-agent', '--master=127.0.0.1:1' }
      for _, flag in ipairs(flags) do words[#words + 1] = flag end
      return run.run(words, { timeout = 10 })
    end
    local dir = '--work_dir=' .. p.dir .. '/other'
    for text, flags in pairs {
      ["resources: "] = { dir, '--resources=cpus:-1' },
      ["isolation 'x': want auto, cgroups or posix"] = { dir, '--isolation=x' },
      ["log_level 'loud'"] = { dir, '--log_level=loud' },
      ["executor '/no/such'"] = { dir, '--executor=/no/such' },
      ['work_dir'] = {},
      ['/proc/nope'] = { '--work_dir=/proc/nope' },
    } do
      local result = agent(flags)
      assert.equal(3, result.status, result.err)
      assert.truthy(result.err:find(text, 1, true), result.err)
    end
    local taken = agent { dir, '--port=' .. p.agent_port }
    assert.equal(1, taken.status)
    assert.matches('already in use', taken.err)
    local twice = agent { '--work_dir=' .. p.dir .. '/agent', '--port=0' }
    assert.equal(1, twice.status)
  end)

  it('refuses a damaged store and changes nothing', function()
    local f = start():framework()
    f:launch { task('a', 'true'), task('b', 'true') } -- several batches
    f:ending('b')
    p:kill(p.agent_pid, 'KILL')
    local log = sh('ls ' .. p.dir .. '/agent/meta/log/*.log'):match('%S+')
    local bytes = run.read(log)
    run.write(log, ('\255'):rep(64) .. bytes:sub(65))
    local result = run.run({ run.bin .. '/perigee-agent', '--master=127.0.0.1:1', '--port=0',
      '--work_dir=' .. p.dir .. '/agent' }, { timeout = 10 })
    assert.equal(1, result.status, result.err)
    assert.matches('damaged', result.err)
    run.write(log, bytes)
    p:start_agent()
  end)
end)
