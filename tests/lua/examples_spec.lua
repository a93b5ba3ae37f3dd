-- Everything in configs/examples can be loaded as it stands.
local evaluate = require 'lua.evaluate'

local bin = os.getenv('PERIGEE_BIN') or 'build/bin'

describe('the example', function()
  for _, name in ipairs { 'hello_world', 'outputenv', 'pipeline' } do
    it(name .. '.lua is a good job file', function()
      local output, status = evaluate.file('configs/examples/' .. name .. '.lua')
      assert.equal(0, status, output)
      assert.matches('"name": "' .. name .. '"', output, 1, true)
      assert.matches('"role": "www-data"', output, 1, true)
    end)
  end

  -- All job files: not the daemons' configurations, nor what jobs run.
  local list = assert(io.popen("cd configs/examples && find . -name '*.lua' "
    .. "! -name master.lua ! -name agent.lua ! -name aurora.lua ! -name '*_test.lua' "
    .. "! -path './outputenv/*'"))
  for path in list:lines() do
    path = 'configs/examples/' .. path:sub(3)
    it(path .. ' has no mistake', function()
      local pipe = assert(io.popen(("'%s/clusterctl' check %s 2>&1"):format(bin, path)))
      local output = pipe:read('a')
      local _, _, status = pipe:close()
      assert.equal(0, status, output)
    end)
  end
  list:close()

  it('nightly.lua holds what nightly_test.lua expects', function()
    local pipe = assert(io.popen(bin .. '/clusterctl test configs/examples/nightly.lua 2>&1'))
    local output = pipe:read('a')
    local _, _, status = pipe:close()
    assert.equal(0, status, output)
  end)

  it('operators.lua gives two roles, two quotas and two users', function()
    local output, status = evaluate.file('configs/examples/operators.lua', '--groups')
    assert.equal(0, status, output)
    assert.matches('"role": "www-data"', output, 1, true)
    assert.matches('"cpu_milli": 100000', output, 1, true)
    assert.matches('"weight_milli": 2000', output, 1, true)
    assert.matches('"name": "grace"', output, 1, true)
  end)

  it('archive holds the server as its source stands beside it', function()
    local pipe = assert(io.popen(
      'tar -xzOf configs/examples/outputenv.tar.gz outputenv/server.lua'))
    local packed = pipe:read('a')
    assert(pipe:close())
    local file = assert(io.open('configs/examples/outputenv/server.lua'))
    assert.equal(file:read('a'), packed)
    file:close()
  end)

  -- Start a daemon until it says that it runs, then end it.
  local function start(program, flags, folder)
    local pipe = assert(io.popen(("sh -c 'echo $$; exec %s/perigee-%s --config="
      .. "configs/examples/%s.lua --port=0 --work_dir=%s %s 2>&1'"):format(
        bin, program, program, folder, flags)))
    local pid, log = pipe:read('l'), {}
    repeat
      local line = pipe:read('l')
      log[#log + 1] = line
    until not line or line:find('_ready') or line:find(' started ')
    local runs = os.execute('kill ' .. pid .. ' 2>/dev/null')
    pipe:close()
    return runs, table.concat(log, '\n')
  end

  for program, flags in pairs { master = '', agent = '--isolation=posix', aurora = '' } do
    it(program .. '.lua starts perigee-' .. program, function()
      evaluate.with_files({}, function(folder)
        local runs, log = start(program, flags, folder)
        assert.is_true(runs, log)
      end)
    end)
  end
end)
