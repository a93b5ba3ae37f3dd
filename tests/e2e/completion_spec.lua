-- Shell completion: the functions of bash and zsh, with job keys of a cluster.
local cluster = require 'support.cluster'
local run = require 'support.run'

local ROLE = 'devcluster/www-data/'
local FOLDER = run.root .. '/src/cli/completion/'

--- A job file with one job for each name.
local function file_of(...)
  local parts = {}
  for _, name in ipairs { ... } do
    parts[#parts + 1] = ([[Job { cluster = "devcluster", role = "www-data", environment = "test",
      name = "%s", task = SimpleTask("t", "exec sleep 600") {
        resources = Resources { cpu = 0.01, ram = 8*MB, disk = 1*MB } } }]]):format(name)
  end
  return 'return { ' .. table.concat(parts, ', ') .. ' }'
end

local function lines(text)
  local list = {}
  for line in text:gmatch '[^\n]+' do list[#list + 1] = line end
  return list
end

describe('completion', function()
  local c, bin
  setup(function()
    c = cluster.start()
    bin = run.bin .. '/clusterctl'
    c:must { 'apply', c:file('jobs.lua', file_of('web', 'worker', 'other')) }
  end)
  teardown(function() c:stop() end)

  --- What bash offers behind these words; the last is being typed.
  local function bash(...)
    local words = { '"' .. bin .. '"' }
    for _, word in ipairs { ... } do words[#words + 1] = run.quoted(word) end
    return run.run({ 'bash', '--norc', '-c', ([[
      source %sclusterctl.bash
      COMP_WORDS=(%s)
      COMP_CWORD=%d
      _clusterctl
      printf '%%s\n' "${COMPREPLY[@]}"]]):format(FOLDER, table.concat(words, ' '), #words - 1) },
      { env = c.env })
  end

  local function zsh(...)
    local words = { bin }
    for _, word in ipairs { ... } do words[#words + 1] = word end
    for i, word in ipairs(words) do words[i] = run.quoted(word) end
    return run.run({ 'zsh', '-f', '-c', ([==[
      _files() { print -- "files $*" }
      compadd() { local w; for w in "${@[(r)--,-1]}"; do [[ $w == -- ]] || print -- "$w"; done }
      source %s_clusterctl
      words=(%s)
      CURRENT=%d
      _clusterctl]==]):format(FOLDER, table.concat(words, ' '), #words) }, { env = c.env })
  end

  -- The same, asked until the scheduler has answered: it has 15 ms, and what
  -- comes later is left out, as on a machine that does much else.
  local function answered(shell, ...)
    local result
    for _ = 1, 200 do
      result = shell(...)
      if result.out:find('www-data', 1, true) then break end
    end
    return result
  end

  it('offers verbs and options', function()
    assert.same({ 'create' }, lines(bash('cr').out))
    assert.same({ 'start', 'stop', 'status' }, lines(bash('dev', '').out))
    assert.same({ '--wait-until' }, lines(bash('create', 'x', '--wa').out))
    assert.same({ 'RUNNING' }, lines(bash('wait', 'x', '--for', 'R').out))
    assert.equal('Process', lines(bash('help', 'object', 'Proc').out)[1])
    assert.same({ 'params' }, lines(bash('pa').out))
    assert.not_matches('complete', bash('').out, 1, true)
  end)

  it('offers the keys of the live cluster', function()
    assert.same({ ROLE .. 'test/other', ROLE .. 'test/web', ROLE .. 'test/worker' },
      lines(answered(bash, 'kill', '').out))
    assert.same({ ROLE .. 'test/web', ROLE .. 'test/worker' },
      lines(answered(bash, 'status', ROLE .. 'test/w').out))
    assert.same({ ROLE .. 'test/web' },
      lines(answered(bash, 'job', 'scale', ROLE .. 'test/we').out))
    assert.same({}, lines(bash('kill', 'mars/').out))
    assert.same({}, lines(bash('kill', ROLE .. 'te$(x)/').out))
  end)

  it('completes behind an equals sign, where bash cuts words', function()
    local file = c:file('choice.lua',
      'local mode = param("mode", { type = "string", choices = { "fast", "slow" } })\nreturn {}')
    assert.same({ 'RUNNING' }, lines(bash('wait', 'x', '--for', '=', 'R').out))
    assert.same({ '--for=RUNNING' }, lines(run.run({ bin, 'complete', '--', '2', 'wait', 'x',
      '--for=R' }, { env = c.env }).out:match('^[^\t]*')))
    assert.same({ 'fast' }, lines(bash('check', file, '-p', 'mode', '=', 'f').out))
    assert.same({ 'mode=' }, lines(bash('check', file, '-p', 'mo').out))
  end)

  it('leaves files and folders to the shell', function()
    local asked = run.run({ bin, 'complete', '--', '2', 'create', 'x' }, { env = c.env })
    assert.equal(':files\n', asked.out)
    asked = run.run({ bin, 'complete', '--', '2', 'check', '--root' }, { env = c.env })
    assert.equal(':folders\n', asked.out)
    asked = run.run({ bin, 'complete', '--', '3', 'check', 'a.lua', 'b.lua' }, { env = c.env })
    assert.equal(':files\n', asked.out)
    assert.equal('', run.run({ bin, 'complete', '--', '9', 'x' }, { env = c.env }).out)
  end)

  it('offers the parameters of the file', function()
    local file = c:file('params.lua', [[
local mode = param("mode", { type = "string", choices = { "fast", "slow" }, help = "how" })
return {}]])
    assert.same({ 'mode=' }, lines(bash('check', file, '-p', '').out))
    assert.same({ 'fast', 'slow' }, lines(bash('check', file, '-p', 'mode', '=', '').out))
  end)

  it('speaks zsh', function()
    if os.execute('command -v zsh >/dev/null') ~= true then
      pending('zsh is not installed: make deps-test')
      return
    end
    assert.same({ 'create' }, lines(zsh('cr').out))
    assert.same({ ROLE .. 'test/web', ROLE .. 'test/worker' },
      lines(answered(zsh, 'status', ROLE .. 'test/w').out))
    assert.matches('files', zsh('check', '').out, 1, true)
    assert.same({ 'mars' }, lines(zsh('mars').out .. 'mars'))
  end)

  it('answers from what it has kept, and is silent without a cluster', function()
    local key = ROLE .. 'test/w'
    assert.equal(2, #lines(answered(bash, 'status', key).out))
    local kept = c.env
    c.env = { HOME = c.dir .. '/none', XDG_CONFIG_HOME = c.dir .. '/none' }
    local result = bash('status', key)
    assert.same({}, lines(result.out))
    assert.equal('', result.err)
    local lonely = c:file('lonely.lua',
      ('return { { name = "devcluster", aurora = "127.0.0.1:%d" } }'):format(run.free_base(1)))
    c.env = { HOME = c.dir .. '/none', CLUSTERCTL_CLUSTERS = lonely }
    result = bash('status', key)
    assert.same({}, lines(result.out))
    assert.equal('', result.err)
    assert.same({ 'devcluster/' }, lines(bash('status', '').out))
    c.env = kept
  end)
end)
