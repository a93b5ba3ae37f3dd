-- A job file computes and does nothing else, and one file has one meaning.
local evaluate = require 'lua.evaluate'

local function value(statements, expression)
  return evaluate.value(statements, expression)
end

describe('the sandbox hides', function()
  local HIDDEN = {
    'os', 'io', 'debug', 'load', 'loadstring', 'loadfile', 'dofile', 'coroutine', 'package',
    'setmetatable', 'getmetatable', 'rawget', 'rawset', 'rawequal', 'rawlen', 'print', '_G',
    'collectgarbage', 'warn', '_VERSION',
  }
  for _, name in ipairs(HIDDEN) do
    it(name, function()
      local list = evaluate.problems('local x = ' .. name)
      assert.matches("undefined name '" .. name .. "'", list[1].message, 1, true)
    end)
  end

  it('parts of libraries', function()
    assert.equal('nil', value('', 'string.dump'))
    assert.equal('nil', value('', 'math.random'))
    assert.equal('nil', value('', 'math.randomseed'))
    assert.equal('nil', value('', '("x").dump'))
  end)

  it('addresses', function()
    assert.equal('table function', value('', 'tostring({}) .. " " .. tostring(pairs)'))
    assert.equal('table', value('', 'string.format("%s", {})'))
    assert.equal('false', value('', 'pcall(string.format, "%p", {})'))
    assert.equal('nil', value('', 'tostring(string.rep):find("0x")'))
  end)
end)

describe('the sandbox keeps', function()
  it('one order of keys', function()
    assert.equal('1,2,3.5,B,a,b,false,true,', value([[
      local t = { b = 1, a = 1, B = 1, [2] = 1, [1] = 1, [3.5] = 1, [true] = 1, [false] = 1 }
      local s = "" for k in pairs(t) do s = s .. tostring(k) .. "," end]], 's'))
    assert.equal('1,2,3.5,B,a,b,false,true,', value([[
      local t = { b = 1, a = 1, B = 1, [2] = 1, [1] = 1, [3.5] = 1, [true] = 1, [false] = 1 }
      local s, k = "", nil
      repeat k = next(t, k) if k ~= nil then s = s .. tostring(k) .. "," end until k == nil]],
      's'))
    assert.equal('false', value('', 'pcall(pairs, { [{}] = 1 })'))
  end)

  it('names that go away while pairs walks', function()
    assert.equal('a,c,', value([[local t = { a = 1, b = 2, c = 3 } local s = ""
      for k in pairs(t) do s = s .. k .. "," t.b = nil end]], 's'))
  end)

  it('a stable sort, whatever compares', function()
    assert.equal('a1 b1 a2 b2 c2', value([[
      local t = { "a2", "a1", "b2", "b1", "c2" }
      table.sort(t, function(x, y) return x:sub(2) < y:sub(2) end)]], 'table.concat(t, " ")'))
    assert.equal('1 2 3 10', value('local t = { 10, 3, 1, 2 } table.sort(t)',
      'table.concat(t, " ")'))
    assert.equal('5', value([[local t = { 1, 2, 3, 4, 5 }
      table.sort(t, function() return true end)]], '#t'))
    assert.equal('false', value('', 'pcall(table.sort, { 1, "a" })'))
  end)

  it('its libraries and the string metatable as they are', function()
    assert.equal('false', value('', 'pcall(function() string.rep = nil end)'))
    assert.equal('false', value('local f, s = pairs(string)', 'pcall(function() s.rep = nil end)'))
    assert.equal('false', value('', 'pcall(table.insert, math, 1)'))
  end)

  it('the C locale', function()
    assert.equal('1.5', value('', 'string.format("%.1f", 1.5)'))
  end)

  it('what base Lua has besides', function()
    assert.equal('3', value('', 'select("#", 1, 2, 3)'))
    assert.equal('false x', value('local ok, why = pcall(error, "x")',
      'tostring(ok) .. " " .. why'))
    assert.equal('x!', value('local _, why = xpcall(error, function(m) return m .. "!" end, "x")',
      'why'))
    assert.equal('true 2 1', value('local ok, n, m = xpcall(select, error, 1, 2, 1)',
      'tostring(ok) .. " " .. n .. " " .. m'))
    assert.equal('é', value('', 'utf8.char(233)'))
    assert.equal('  1|x   |%', value('', 'string.format("%3d|%-4s|%%", 1, "x")'))
  end)
end)

describe('a hostile file ends with its line:', function()
  local TIME = '--cpu-ms 200 '

  local function ends(text, line, message, flags)
    local list, output, status = evaluate.problems(text, flags or TIME)
    assert.equal(3, status, output)
    local last = list[#list]
    assert.truthy(last, output)
    assert.matches(message, last.message, 1, true)
    assert.equal(line, last.line)
  end

  local LONG, LARGE = 'runs longer than 200 ms of CPU time', 'uses more than 64 MiB of memory'
  local MEMORY = '--cpu-ms 5000 --memory-mb 64'

  it('an endless loop', function()
    ends('local x = 1\nwhile true do\n  x = x + 1\nend', 3, LONG)
  end)
  it('an endless loop around pcall', function()
    ends('while true do\n  pcall(function() while true do end end)\nend', 2, LONG)
  end)
  it('a pattern that tries for ever', function()
    ends('local s = ("a"):rep(40)\nreturn s:find(("a*"):rep(20) .. "b")', 2, LONG)
  end)
  it('a sort whose comparison never ends', function()
    ends('table.sort({ 2, 1 }, function()\n  while true do end end)', 2, LONG)
  end)
  it('one gigabyte of string', function()
    ends('\nlocal s = ("x"):rep(1 << 30)', 2, LARGE, MEMORY)
  end)
  it('one gigabyte of string, caught again and again', function()
    ends('while true do\n pcall(string.rep, "x", 1 << 30) end', 2, LARGE, MEMORY)
  end)
  it('a string that doubles', function()
    ends('local s = "x"\nwhile true do s = s .. s end', 2, LARGE, MEMORY)
  end)
  it('a table without end', function()
    ends('local t = {}\nfor i = 1, 1e9 do t[i] = { i } end', 2, LARGE, MEMORY)
  end)
  it('deep recursion', function()
    ends('local function f(n)\n return 1 + f(n + 1) end\nf(1)', 2, 'stack overflow', MEMORY)
  end)
  it('deep recursion through pcall', function()
    local output, status = evaluate.text(
      'local function f() return pcall(f) end f() return {}', MEMORY)
    assert.equal(0, status, output)
  end)
  it('bytecode', function()
    ends(string.dump(function() return {} end), 1, 'is compiled Lua: want its source text')
  end)
  it('bytecode required', function()
    local list = evaluate.problems('\nreturn require "code"', TIME,
      { ['code.lua'] = string.dump(function() end) })
    assert.equal('is compiled Lua: want its source text', list[1].message)
  end)
  it('a deeply nested expression', function()
    local output, status = evaluate.text('return ' .. ('('):rep(1000) .. '1')
    assert.equal(3, status)
    assert.matches('f.lua: C stack overflow', output, 1, true)
  end)
  it('too much text', function()
    local output, status = evaluate.text('--' .. ('x'):rep(5 << 20))
    assert.equal(3, status)
    assert.matches("'f.lua': want at most 4 MiB of Lua text in all", output, 1, true)
  end)
  it('an asset too large', function()
    local list = evaluate.problems('SimpleTask { name = "a", cmdline = "b", fetch = { "big" } } '
      .. 'return {}', '', { big = ('x'):rep((4 << 20) + 1) })
    assert.matches("'big': want at most 4 MiB", list[1].message, 1, true)
  end)
  it('a pipe for a file', function()
    evaluate.with_files({ ['f.lua'] = 'import "p.lua"' }, function(folder)
      os.execute('mkfifo ' .. folder .. '/p.lua')
      local output = evaluate.file(folder .. '/f.lua')
      assert.matches("import: 'p.lua' is not a file", output, 1, true)
    end)
  end)
  it('a link out of the folder', function()
    evaluate.with_files({ ['f.lua'] = 'import "p.lua"' }, function(folder)
      os.execute('ln -s /etc/passwd ' .. folder .. '/p.lua')
      local output = evaluate.file(folder .. '/f.lua')
      assert.matches("import: 'p.lua' is outside the job file's folder", output, 1, true)
    end)
  end)
  it('no file at all', function()
    local output, status = evaluate.file('/no/such.lua')
    assert.equal("job file '/no/such.lua': No such file or directory\n", output)
    assert.equal(4, status)
  end)
end)
