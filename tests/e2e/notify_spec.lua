-- Notifications on a real cluster, told to real servers that fail, are slow, or
-- are not there, by a scheduler that is killed.
local cjson = require 'cjson'
local cluster = require 'support.cluster'
local run = require 'support.run'

local PREFIX = 'devcluster/www-data/test/'

describe('notifications', function()
  local c, web, mail
  local pids = {}

  --- Start a helper; `name` finds it again.
  local function start(name, command)
    local pipe = io.popen(command .. ' >/dev/null 2>&1 & echo $!')
    pids[name] = tonumber(pipe:read('l'))
    pipe:close()
  end

  local function stop(name)
    if pids[name] then os.execute('kill -9 ' .. pids[name]) end
    pids[name] = nil
  end

  local function listens(port)
    run.eventually(20, 'port ' .. port, function() return not run.port_is_free(port) end)
  end

  local function start_web()
    start('web', ('exec lua5.4 %s/tests/support/coordinator.lua %d %s')
      :format(run.root, web, c.dir))
    listens(web)
  end

  local function start_mail(more)
    start('mail', ('exec /usr/bin/python3 %s/tests/support/mailbox.py %d %s %s')
      :format(run.root, mail, c.dir, more or ''))
    listens(mail)
  end

  setup(function()
    web = run.free_base(2)
    mail = web + 1
    c = cluster.start { agents = 1, env = {
      PERIGEE_MAIL_SERVER = '127.0.0.1:' .. mail, PERIGEE_MAIL_FROM = 'perigee@example.org' } }
    start_web()
    start_mail()
  end)
  teardown(function()
    for name in pairs(pids) do stop(name) end
    c:stop()
  end)

  --- What the web server got, decoded, of the job of this name.
  local function calls(name)
    local got = {}
    for line in (run.read(c.dir .. '/calls') or ''):gmatch('[^\n]+') do
      if line:sub(1, 1) == '{' then
        local body = cjson.decode(line)
        if body.job == PREFIX .. name then got[#got + 1] = body end
      end
    end
    return got
  end

  local function mails()
    return run.read(c.dir .. '/mails') or ''
  end

  local function create(name, notify, cmdline, more)
    c:must { 'create', PREFIX .. name, c:file(name .. '.lua', ([[
return { Job { cluster = "devcluster", role = "www-data", environment = "test", name = "%s",
  notify = %s, %s
  task = SimpleTask { name = "%s", cmdline = [=[%s]=],
    resources = Resources { cpu = 0.02, ram = 16*MB, disk = 1*MB } } } }
]]):format(name, notify, more or '', name, cmdline)) }
    return PREFIX .. name
  end

  local function url(on, path)
    return ('Notify { on = %s, url = "http://localhost:%d/%s" }'):format(on, web, path or 'hook')
  end

  it('tells a URL of a task that failed', function()
    create('fails', url '"failed"', 'exit 3')
    run.eventually(20, 'a call', function() return #calls 'fails' == 1 end)
    local got = calls('fails')[1]
    assert.equal('failed', got.event)
    assert.equal('FAILED', got.task.state)
    assert.equal('RUNNING', got.oldState.state)
    assert.matches("^%[Perigee%] job '" .. PREFIX:gsub('%-', '%%-')
      .. "fails' failed! '20..%-..%-.."
      .. "T..:..:..%....Z'%. Retries attempted: 0%. Task id: %d+%-www%-data%-test%-fails%-0%-%S+ "
      .. 'The scheduler provided this message: .+', got.text)
  end)

  it('tells an address by mail', function()
    create('mails', 'Notify { on = { "failed" }, email = "web@example.org" }', 'exit 4')
    run.eventually(20, 'a mail', function() return mails():find('%.%.%.%.%.\n') end)
    local got = mails():gsub('\r', '')
    assert.matches("perigee@example.org ['web@example.org'] False\n", got, 1, true)
    assert.matches('From: perigee@example.org\nTo: web@example.org\nSubject: [Perigee] '
      .. PREFIX .. 'mails: failed\nDate: ', got, 1, true)
    local text = got:match('\n\n(.-)%.%.%.%.%.'):gsub('=\n', '')
    assert.matches("^%[Perigee%] job '" .. PREFIX:gsub('%-', '%%-') .. "mails' failed! ", text)
    assert.matches('it exited with status 4', text, 1, true)
  end)

  it('sends what a script says', function()
    create('says', ([[Notify { on = { "finished", "failed" }, script = function(event)
      return {
        { url = "http://localhost:%d/said", headers = { ["X-Kind"] = event.what },
          body = '{"job": "' .. event.job .. '", "said": true}' },
        { email = "ops@example.org", subject = "caf\u{e9}: " .. event.what, body = event.text },
      }
    end }]]):format(web), 'true')
    run.eventually(20, 'a call', function() return #calls 'says' == 1 end)
    assert.is_true(calls('says')[1].said)
    run.eventually(20, 'a mail', function() return mails():find('ops@example.org', 1, true) end)
    assert.matches('Subject: =?UTF-8?B?Y2Fmw6k6IGZpbmlzaGVk?=', mails(), 1, true)
    local bad = c:cli { 'create', PREFIX .. 'bad', c:file('bad.lua', ([[
return { Job { cluster = "devcluster", role = "www-data", environment = "test", name = "bad",
  notify = Notify { on = "failed", script = print },
  task = SimpleTask { name = "bad", cmdline = "true",
    resources = Resources { cpu = 0.02, ram = 16*MB, disk = 1*MB } } } }]])) }
    assert.is_true(bad.status ~= 0)
  end)

  it('tells of updates that ended', function()
    local function service(cmdline)
      return c:file('svc.lua', ([[
return { Service { cluster = "devcluster", role = "www-data", environment = "test", name = "svc",
  notify = %s, update = Update { watch_secs = 0 },
  task = SimpleTask { name = "svc", cmdline = "%s",
    resources = Resources { cpu = 0.02, ram = 16*MB, disk = 1*MB } } } }
]]):format(url '"updated"', cmdline))
    end
    c:must { 'create', PREFIX .. 'svc', service('exec sleep 1000') }
    c:must { 'update', 'start', PREFIX .. 'svc', service('exec sleep 1001'), '--wait' }
    run.eventually(20, 'a call', function() return #calls 'svc' == 1 end)
    assert.equal('ROLLED_FORWARD', calls('svc')[1].update.state)
    -- Who hears of it is quiet: nothing restarts.
    local pid = c:pids('^sleep 1001')[1]
    local quiet = c:file('svc2.lua', run.read(c.dir .. '/svc.lua'):gsub('updated', 'killed'))
    c:must { 'update', 'start', PREFIX .. 'svc', quiet }
    assert.equal(pid, c:pids('^sleep 1001')[1])
    c:must { 'killall', PREFIX .. 'svc' }
    run.eventually(20, 'a call', function() return #calls 'svc' == 2 end)
    assert.equal('killed', calls('svc')[2].event)
  end)

  --- Runs every second, and fails.
  local function ticking(name, notify)
    return create(name, notify, 'exit 5',
      'cron = Cron { schedule = "R//PT1S", collision_policy = "CANCEL_NEW" },')
  end

  local function deschedule(key)
    c:must { 'cron', 'deschedule', key }
    c:cli { 'killall', key, '--timeout', 20 }
  end

  --- Each failed run of the job was told; a run that was told twice was told
  --- with one id.
  local function all_told(name)
    local failed, ids = {}, {}
    for _, f in ipairs(c:must({ 'cron', 'history', PREFIX .. name, '--count', 1000,
      '--json' }).crons[1].firings) do
      if f.state == 'FAILED' then failed[f.scheduled_secs] = true end
    end
    for _, call in ipairs(calls(name)) do
      local at = call.run.scheduled_secs
      assert.is_true(ids[at] == nil or ids[at] == call.id)
      ids[at] = call.id
    end
    for at in pairs(failed) do
      if not ids[at] then return false end
    end
    return true
  end

  it('tells every failure, though servers fail and the scheduler is killed', function()
    local key = ticking('lossy', url '"failed"')
    run.eventually(20, 'a call', function() return #calls 'lossy' >= 1 end)
    c:file('answer', '500 no')
    local before = #calls 'lossy'
    run.eventually(20, 'a refused call', function() return #calls 'lossy' > before end)
    stop 'web'
    run.eventually(20, 'the server is gone', function() return run.port_is_free(web) end)
    for _ = 1, 3 do
      for _, pid in ipairs(c:pids('perigee%-aurora')) do c.kill(pid) end
      run.eventually(10, 'the scheduler is dead', function()
        return #c:pids('perigee%-aurora') == 0
      end)
      c:up()
      local n = #c:must({ 'cron', 'history', key, '--count', 1000, '--json' }).crons[1].firings
      run.eventually(20, 'further runs', function()
        return #c:must({ 'cron', 'history', key, '--count', 1000, '--json' }).crons[1].firings
          > n + 1
      end)
    end
    os.remove(c.dir .. '/answer')
    start_web()
    deschedule(key)
    run.eventually(40, 'all failures are told', function() return all_told 'lossy' end)
  end)

  it('waits for nobody: one that never answers keeps no other, and no job', function()
    run.write(c.dir .. '/reply', 'mute')
    local old = mails()
    create('mute', [[{ Notify { on = "finished", email = "web@example.org" }, ]]
      .. url '"finished"' .. ' }', 'true')
    run.eventually(10, 'a call', function() return #calls 'mute' == 1 end)
    assert.equal(old, mails())
    os.remove(c.dir .. '/reply')
    stop 'mail' -- the mute connection breaks
    start_mail()
    run.eventually(30, 'the mail', function() return mails():find('test/mute: finished') end)
  end)

  it('hands a mail in again that was refused with 4xx', function()
    run.write(c.dir .. '/reply', '421 4.3.2 come again')
    create('busy', 'Notify { on = "finished", email = "web@example.org" }', 'true')
    local function failures()
      local text = run.get(c.aurora .. '/metrics').body
      return tonumber(text:match('\naurora_notifications_failed_total (%d+)'))
    end
    local before = failures()
    run.eventually(20, 'a refusal', function() return failures() > before end)
    assert.is_nil(mails():find('test/busy', 1, true))
    os.remove(c.dir .. '/reply')
    run.eventually(30, 'the mail', function() return mails():find('test/busy: finished') end)
  end)

  it('signs in over TLS, with a password that nobody sees', function()
    local cert, key = c.dir .. '/cert.pem', c.dir .. '/key.pem'
    assert(os.execute(("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
      .. "-addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s 2>/dev/null"):format(key, cert)))
    run.write(c.dir .. '/password', 'open sesame\n')
    local old = mails()
    stop 'mail'
    run.eventually(20, 'the server is gone', function() return run.port_is_free(mail) end)
    start_mail(cert .. ' ' .. key)
    local function post(...)
      return run.run({ run.bin .. '/perigee-post', '--mail-from', 'a@b', '--mail-to', 'c@d',
        'smtp://127.0.0.1:' .. mail, ... }, { stdin = 'Subject: x\r\n\r\nsecret\r\n' })
    end
    local signed = { '--ca', cert, '--user', 'web', '--password', c.dir .. '/password' }
    assert.is_true(post().status ~= 0) -- nobody vouches for the certificate
    assert.is_true(post('--ca', cert).status ~= 0) -- nobody signed in
    local fine = post('--tls', 'required', table.unpack(signed))
    assert.equal('250\n', fine.out:match('^250\n'), fine.err)
    assert.matches("a@b ['c@d'] True\n", mails():sub(#old + 1), 1, true)
    run.write(c.dir .. '/password', 'closed\n')
    assert.is_true(post('--tls', 'required', table.unpack(signed)).status ~= 0)
    stop 'mail'
    run.eventually(20, 'the server is gone', function() return run.port_is_free(mail) end)
    start_mail()
    assert.is_true(post('--tls', 'required').status ~= 0) -- no TLS is offered
  end)

  it('refuses a configuration that does not go together', function()
    local function refused(...)
      local r = run.run { run.bin .. '/perigee-aurora', '--master', '127.0.0.1:1', '--work_dir',
        c.dir .. '/none', ... }
      assert.equal(3, r.status, r.err)
      return r.err
    end
    assert.matches('mail_server and mail_from go together',
      refused('--mail_server', 'a:25'), 1, true)
    assert.matches("mail_from 'a b@c': want name@host",
      refused('--mail_server', 'a:25', '--mail_from', 'a b@c'), 1, true)
    assert.matches("mail_tls 'maybe': want", refused('--mail_tls', 'maybe'), 1, true)
  end)
end)
