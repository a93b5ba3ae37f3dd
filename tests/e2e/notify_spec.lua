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
    start('web', ('exec lua5.4 %s/tests/support/coordinator.lua %d %s'):format(run.root, web, c.dir))
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
    assert.matches("^%[Perigee%] job '" .. PREFIX:gsub('%-', '%%-') .. "fails' failed! '20..%-..%-.."
      .. "T..:..:..%....Z'%. Retries attempted: 0%. Task id: %d+%-www%-data%-test%-fails%-0%-%S+ "
      .. 'The scheduler provided this message: .+', got.text)
  end)
end)
