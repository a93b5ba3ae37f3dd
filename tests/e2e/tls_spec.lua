--- A whole cluster that speaks TLS on every edge, with certificates of its own,
--- and each mistake that people make with one.

local cjson = require 'cjson'
local pair = require 'support.pair'
local run = require 'support.run'

local dir, port, pid, home = nil, {}, {}, nil

local function sh(line, ...)
  line = line:format(...)
  assert(os.execute('cd ' .. dir .. ' && { ' .. line .. '; } >>openssl.log 2>&1'), line)
end

local function make_ca(name)
  sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key " ..
    "-out %s.pem -days 30 -subj '/CN=%s'", name, name, name)
end

local function make(name, san, days)
  sh("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout %s.key -out %s.csr " ..
    "-subj '/CN=%s' && echo 'subjectAltName=%s' >%s.ext && openssl x509 -req -in %s.csr " ..
    "-CA ca.pem -CAkey ca.key -CAcreateserial -out %s.pem -days %d -extfile %s.ext",
    name, name, name, san, name, name, name, days or 30, name)
end

local function spawn(name, flags)
  local line = '%s/%s --port=%d --work_dir=%s/%s --tls-cert=%s/server.pem ' ..
    '--tls-key=%s/server.key --tls-ca=%s/ca.pem %s >>%s/log 2>&1 & echo $!'
  pid[name] = tonumber(pair.sh(line:format(run.bin, name, port[name], dir, name, dir, dir, dir,
    flags, dir)))
end

local function curl(url, options)
  local words = { 'curl', '-sS', '-m', '10', '-w', '\n%{http_code}' }
  for _, word in ipairs(options or {}) do words[#words + 1] = word end
  words[#words + 1] = url
  return run.run(words)
end

local function await(name)
  local ok = pcall(run.eventually, 15, name, function()
    return curl(('https://127.0.0.1:%d/health'):format(port[name]),
      { '--cacert', dir .. '/ca.pem', '--cert', dir .. '/alice.pem', '--key',
        dir .. '/alice.key' }).out:find('200$')
  end)
  assert(ok, run.read(dir .. '/log'))
end

--- clusterctl; `stdin` and `timeout` may stand beside the words.
local function cli(words)
  local all = { run.bin .. '/clusterctl' }
  for _, word in ipairs(words) do all[#all + 1] = word end
  return run.run(all, { env = { HOME = home, XDG_CONFIG_HOME = home .. '/config' },
    timeout = words.timeout or 30, stdin = words.stdin })
end

local KEY = 'devcluster/' .. (pair.is_root and 'www-data' or pair.sh('id -un'):gsub('%s', '')) ..
  '/test/web'

local function job_file()
  local role = KEY:match('/(.-)/')
  run.write(dir .. '/index.txt', 'an asset\n')
  return run.write(dir .. '/web.lua', ([[
return { Service { cluster = "devcluster", role = "%s", environment = "test", name = "web",
  instances = 1, task = Task { processes = { Process { name = "say",
    cmdline = "cat index.txt; exec sleep 1000" } },
    fetch = { Fetch { uri = "index.txt" } },
    resources = Resources { cpu = 0.1, ram = 16*MB, disk = 1*MB } } } }
]]):format(role))
end

local function tls_cluster(name, more)
  return ('{ name = "%s", aurora = "127.0.0.1:%d", %s }'):format(name, port['perigee-aurora'], more)
end

setup(function()
  dir = run.temp()
  home = dir .. '/home'
  os.execute('chmod 755 ' .. dir .. ' && mkdir -p ' .. home .. '/config/clusterctl')
  make_ca 'ca'
  make_ca 'other'
  make('server', 'IP:127.0.0.1,DNS:localhost')
  make('elsewhere', 'IP:10.9.8.7')
  make('stale', 'IP:127.0.0.1', -1)
  make('alice', 'DNS:alice')
  make('late', 'DNS:late', -1)
  for _, name in ipairs { 'perigee-master', 'perigee-agent', 'perigee-aurora' } do
    port[name] = pair.free_port()
  end
  -- Daemons and people are who their certificates say, at the ports of master and agent.
  run.write(dir .. '/security.lua', [[
users = {
  daemons = { certificate = "server",
    permissions = { actions = { "agent.register", "framework.register" } } },
  alice = { certificate = "alice", permissions = { actions = "job.read" } },
}
]])
  os.execute('chmod 600 ' .. dir .. '/security.lua')
  local users = ' --security=' .. dir .. '/security.lua'
  local master = '--master=https://127.0.0.1:' .. port['perigee-master']
  spawn('perigee-master', '--tls-require-client' .. users)
  await 'perigee-master'
  spawn('perigee-agent', master .. ' --resources="cpus:4;mem:1024;disk:1000;ports:[31000-31009]"' ..
    users)
  spawn('perigee-aurora', master .. ' --tls-require-client')
  await 'perigee-agent'
  await 'perigee-aurora'
  local me = dir .. '/home/config/clusterctl/credentials'
  os.execute('mkdir -p ' .. me)
  for _, name in ipairs { 'devcluster', 'localname', 'badca' } do
    run.write(me .. '/' .. name .. '.lua',
      ('return { cert = "%s/alice.pem", key = "%s/alice.key" }'):format(dir, dir))
  end
  run.write(me .. '/late.lua',
    ('return { cert = "%s/late.pem", key = "%s/late.key" }'):format(dir, dir))
  os.execute('chmod 600 ' .. me .. '/*')
  local ca = ('tls = true, ca = "%s/ca.pem"'):format(dir)
  run.write(home .. '/config/clusterctl/clusters.lua', 'return {\n' .. table.concat({
    tls_cluster('devcluster', ca),
    tls_cluster('nobody', ca),
    tls_cluster('late', ca),
    tls_cluster('badca', ('tls = true, ca = "%s/other.pem"'):format(dir)),
    tls_cluster('plain', ''),
    ('{ name = "localname", aurora = "localhost:%d", %s }'):format(port['perigee-aurora'], ca),
  }, ',\n') .. '\n}\n')
end)

teardown(function()
  cli { 'killall', KEY, timeout = 20 }
  for _, name in ipairs { 'perigee-aurora', 'perigee-agent', 'perigee-master' } do
    if pid[name] then pair:kill(pid[name], 'TERM') end
  end
  run.eventually(20, 'no process left', function()
    return pair.sh('grep -alF ' .. dir .. '/perigee-agent/slaves /proc/[0-9]*/environ ' ..
      '2>/dev/null') == ''
  end)
  run.remove(dir)
end)

describe('a cluster with TLS', function()
  it('knows people by their certificates at the ports of master and agent', function()
    for _, name in ipairs { 'perigee-master', 'perigee-agent' } do
      local function status(who, path)
        return curl(('https://127.0.0.1:%d%s'):format(port[name], path), { '--cacert',
          dir .. '/ca.pem', '--cert', dir .. '/' .. who .. '.pem', '--key', dir .. '/' .. who ..
          '.key' }).out:match('%d+$')
      end
      assert.equal('403', status('alice', '/state')) -- she reads her jobs only
      assert.equal('401', status('elsewhere', '/state')) -- of the same CA, but nobody
      assert.equal('200', status('elsewhere', '/version'))
    end
  end)

  it('runs a job, with an asset, and shows its log', function()
    local made = cli { 'create', KEY, job_file(), '--wait-until', 'RUNNING' }
    assert.equal(0, made.status, made.out .. made.err .. run.read(dir .. '/log'))
    assert.truthy(made.out:find('https://127.0.0.1:', 1, true))
    run.eventually(10, 'what it wrote', function()
      return cli { 'logs', KEY .. '/0' }.out == 'an asset\n'
    end)
  end)

  it('gives its executors a socket that serves nothing else', function()
    local socket = dir .. '/perigee-agent/agent.sock'
    local answer = curl('http://localhost/state', { '--unix-socket', socket }).out
    assert.equal('403', answer:match '%d+$')
    assert.equal('socket\n', pair.sh('stat -c %F ' .. socket))
  end)

  it('follows events', function()
    local scaled = cli { 'scale', KEY, '2' } -- waits by following
    assert.equal(0, scaled.status, scaled.err)
    assert.equal(0, cli { 'wait', KEY, '--timeout', '20' }.status)
  end)

  it('shows its tasks by an observer of its own', function()
    local at = pair.free_port()
    local line = ('%s/thermos observe %s/perigee-agent --port %d --tls-cert %s/server.pem ' ..
      '--tls-key %s/server.key >>%s/log 2>&1 & echo $!'):format(run.bin, dir, at, dir, dir, dir)
    local observer = tonumber(pair.sh(line))
    local page = run.eventually(10, 'the page', function()
      local got = curl(('https://127.0.0.1:%d/'):format(at), { '--cacert', dir .. '/ca.pem' }).out
      return got:find('200$') and got
    end)
    pair:kill(observer, 'TERM')
    assert.truthy(page:find('Tasks of this machine', 1, true))
  end)

  it('checks names, not only addresses', function()
    assert.equal(0, cli { 'list', 'localname' }.status)
  end)
end)

describe('a mistake', function()
  local function refused(words, status, text)
    local got = cli(words)
    assert.equal(status, got.status, got.out .. got.err)
    assert.truthy(got.err:find(text, 1, true), got.err)
  end

  it('plain HTTP', function()
    refused({ 'list', 'plain' }, 10, 'this port speaks TLS only')
    local got = curl(('http://127.0.0.1:%d/state'):format(port['perigee-master']))
    assert.equal('400', got.out:match '%d+$')
  end)

  it('another CA', function()
    refused({ 'list', 'badca' }, 7, 'TLS: certificate of 127.0.0.1:')
  end)

  it('an expired certificate of ours', function()
    refused({ 'list', 'late' }, 7, 'our certificate has expired')
  end)

  it('no certificate where one is wanted', function()
    local got = cli { 'list', 'nobody' }
    assert.truthy(got.status == 10 or got.status == 30, got.err)
    assert.truthy(got.err:find('client certificate', 1, true), got.err)
  end)

  it('a server that has another name, or is stale, until it is put right', function()
    local function serve(name)
      sh('cp %s.key new && mv new server.key && cp %s.pem new && mv new server.pem', name, name)
      pair.sh('kill -HUP ' .. pid['perigee-aurora'])
    end
    sh 'cp server.pem good.pem && cp server.key good.key'
    for name, text in pairs { elsewhere = 'IP address mismatch', stale = 'expired' } do
      serve(name)
      local got
      run.eventually(10, name, function()
        got = cli { 'list', 'devcluster' }
        return got.status ~= 0
      end)
      assert.equal(7, got.status)
      assert.truthy(got.err:find(text, 1, true), got.err)
    end
    sh 'echo nonsense >server.pem'
    pair.sh('kill -HUP ' .. pid['perigee-aurora'])
    run.eventually(10, 'told in the log', function()
      return run.read(dir .. '/log'):find('tls_reload_failed', 1, true)
    end)
    serve 'good'
    run.eventually(10, 'good again', function()
      return cli { 'list', 'devcluster' }.status == 0
    end)
  end)

  it('a flag that is missing', function()
    local got = run.run { run.bin .. '/perigee-master', '--work_dir=' .. dir .. '/x', '--port=0',
      '--tls-cert=' .. dir .. '/server.pem' }
    assert.equal(1, got.status)
    assert.truthy(got.err:find('the key is missing', 1, true), got.err)
    got = run.run { run.bin .. '/perigee-master', '--work_dir=' .. dir .. '/x', '--port=0',
      '--tls-require-client' }
    assert.truthy(got.err:find('cannot be wanted', 1, true), got.err)
  end)
end)

describe('credentials', function()
  local folder

  setup(function() folder = home .. '/config/clusterctl/credentials/' end)

  it('are kept by login, for our eyes only, and forgotten by logout', function()
    assert.equal(0, cli { 'login', 'nobody', '--user', 'bob', stdin = 'p"a\\ss\n' }.status)
    assert.equal('600\n', pair.sh('stat -c %a ' .. folder .. 'nobody.lua'))
    assert.equal('return {\n  user = "bob",\n  password = "p\\034a\\092ss",\n}\n',
      run.read(folder .. 'nobody.lua'))
    assert.equal(0, cli { 'logout', 'nobody' }.status)
    assert.equal(4, cli { 'logout', 'nobody' }.status)
  end)

  it('are refused where others may read them', function()
    run.write(folder .. 'nobody.lua', 'return { token = "t0ken" }')
    os.execute('chmod 644 ' .. folder .. 'nobody.lua')
    local got = cli { 'list', 'nobody' }
    assert.equal(30, got.status)
    assert.truthy(got.err:find('chmod 600', 1, true), got.err)
    os.remove(folder .. 'nobody.lua')
  end)

  it('are in no argument and in no text', function()
    for _, flag in ipairs { '--password=s3cret', '--token=s3cret' } do
      local got = cli { 'list', 'nobody', flag }
      assert.equal(6, got.status)
      assert.truthy(got.err:find('argument lists', 1, true), got.err)
      assert.falsy((got.out .. got.err):find('s3cret', 1, true))
    end
    run.write(folder .. 'nobody.lua', 'return { user = "bob", password = { "s3cret" } }')
    os.execute('chmod 600 ' .. folder .. 'nobody.lua')
    local got = cli { 'list', 'nobody', '--verbose' }
    assert.equal(3, got.status)
    assert.falsy((got.out .. got.err):find('s3cret', 1, true))
    os.remove(folder .. 'nobody.lua')
  end)

  it('do not leave this machine in plain', function()
    run.write(home .. '/config/clusterctl/dev.lua',
      'return { { name = "far", aurora = "192.0.2.1:8081" } }')
    run.write(home .. '/.netrc', 'machine 192.0.2.1 login bob password s3cret\n')
    os.execute('chmod 600 ' .. home .. '/.netrc')
    local got = cli { 'list', 'far' }
    assert.equal(30, got.status)
    assert.truthy(got.err:find('travel in plain', 1, true), got.err)
    assert.falsy(got.err:find('s3cret', 1, true))
    os.remove(home .. '/.netrc')
  end)

  it('come from the entry of ~/.netrc for that host alone', function()
    local server = assert(require 'socket'.bind('127.0.0.1', 0))
    local _, other = server:getsockname()
    server:settimeout(5)
    run.write(home .. '/config/clusterctl/dev.lua',
      ('return { { name = "near", aurora = "127.0.0.1:%d" } }'):format(other))
    run.write(home .. '/.netrc', 'machine example.org login eve password no\n' ..
      'default login eve password no\nmachine 127.0.0.1 login bob password s3cret\n')
    os.execute('chmod 600 ' .. home .. '/.netrc')
    os.execute(('HOME=%s XDG_CONFIG_HOME=%s/config timeout 5 %s/clusterctl list near ' ..
      '>/dev/null 2>&1 &'):format(home, home, run.bin))
    local client = assert(server:accept())
    local line, found
    repeat
      line = client:receive '*l'
      found = found or (line and line:match '^Authorization: Basic (.*)')
    until not line or line == ''
    client:close()
    server:close()
    assert.equal('Ym9iOnMzY3JldA==', found)
    os.remove(home .. '/.netrc')
  end)
end)

describe('clusters.json of Apache Aurora', function()
  it('is read as it is; what cannot be done is refused by name', function()
    os.execute('mkdir -p ' .. home .. '/.aurora')
    os.remove(home .. '/config/clusterctl/dev.lua')
    run.write(home .. '/.aurora/clusters.json', cjson.encode {
      { name = 'old', scheduler_uri = 'https://127.0.0.1:' .. port['perigee-aurora'],
        slave_root = '/var/lib/mesos', slave_run_directory = 'latest',
        auth_mechanism = 'UNAUTHENTICATED' },
      { name = 'zoo', zk = '10.0.0.1', scheduler_zk_path = '/aurora/scheduler' },
      { name = 'krb', scheduler_uri = 'http://h:1', auth_mechanism = 'KERBEROS' },
    })
    local old, zoo, krb = cli { 'list', 'old' }, cli { 'list', 'zoo' }, cli { 'list', 'krb' }
    assert.equal(7, old.status) -- its CA is not the machine's
    assert.truthy(old.err:find('TLS: certificate of 127.0.0.1', 1, true), old.err)
    assert.equal(3, zoo.status)
    assert.truthy(zoo.err:find('ZooKeeper', 1, true), zoo.err)
    assert.truthy(krb.err:find("auth_mechanism 'KERBEROS'", 1, true), krb.err)
  end)
end)
