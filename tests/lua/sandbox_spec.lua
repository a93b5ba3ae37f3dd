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
  it('a handler of errors that loops', function()
    ends('xpcall(error,\n function() while true do end end)', 2, LONG)
  end)
  it('a loop of gotos', function()
    ends('::a::\ngoto a', 2, LONG)
  end)
  it('captures that try for ever', function()
    ends('for _ in ("a"):rep(40):gmatch(\n  ("(a*)"):rep(20) .. "b") do end', 1, LONG)
  end)
  it('a replacement that never ends', function()
    ends('("x"):rep(1 << 20):gsub("x",\n function() while true do end end)', 2, LONG)
  end)
  it('a comparison that lies', function()
    local jobs = evaluate.jobs([[
      local t = {} for i = 1, 1000 do t[i] = i * 7919 % 1000 end
      table.sort(t, function() return true end)
      return {}]])
    assert.same({}, jobs)
  end)
  it('a text of many texts', function()
    ends('local s = ("x"):rep(1 << 20)\nlocal t = {} for i = 1, 1000 do t[i] = s end\n'
      .. 'return table.concat(t)', 3, LARGE, MEMORY)
  end)
  it('a format of many texts', function()
    ends('local s = ("x"):rep(1 << 24)\nlocal f = ("%s"):rep(100)\n'
      .. 'return f:format(s, s, s, s, s, s, s, s, s, s)', 3, LARGE, MEMORY)
  end)
  it('a repeated text with a separator', function()
    ends('return ("x"):rep(1 << 20,\n ("y"):rep(1 << 20))', 1, 'resulting string too large',
      MEMORY)
  end)
  it('too many values at once', function()
    ends('\nreturn table.unpack({}, 1, 1e8)', 2, 'too many results to unpack', MEMORY)
  end)
  it('a million arguments', function()
    ends('local t = {} for i = 1, 1e6 do t[i] = i end\nreturn math.max(table.unpack(t))', 2,
      'too many results to unpack', MEMORY)
  end)
  it('tables within tables without end', function()
    ends('local t = {}\nwhile true do t = { t } end', 2, LARGE, MEMORY)
  end)
  it('a list of itself', function()
    local _, output, status = evaluate.problems('local t = {} t[1] = t\nreturn t', TIME)
    assert.equal(3, status)
    assert.matches('element 1 of the list of jobs is a table', output, 1, true)
  end)
  it('a huge list of nothing', function()
    local list, output, status = evaluate.problems(
      'local t = {} for i = 1, 1e6 do t[i] = i end return t', '--cpu-ms 5000')
    assert.equal(3, status, output)
    assert.is_true(#list <= 1000)
  end)
  it('values within values without end', function()
    ends('local p = Process { name = "a", cmdline = "b" }\nwhile true do p = p { daemon = true } '
      .. 'end', 2, LONG)
  end)
  it('an error that is a table', function()
    ends('\nerror({ "x" })', 2, 'error with a table instead of a text')
    ends('\nerror({ message = "no disk" })', 2,
      'error with a table instead of a text: no disk')
  end)
  it('an error that is no text at all', function()
    ends('\nerror()', 2, "error without a text: want error('what is wrong')")
    ends('\nerror(7)', 2, 'error with a number instead of a text: 7')
    ends('\nerror(pcall)', 2, 'error with a function instead of a text')
    ends('\nerror(Process { name = "a", cmdline = "b" })', 2,
      "error with an object instead of a text: Process 'a'")
  end)
  it('an error within the telling of one', function()
    ends('\nerror(setmetatable)', 2, "undefined name 'setmetatable'")
  end)
  it('its metatables', function()
    for _, text in ipairs {
      'getmetatable("").__index = nil', '("x").rep = nil', 'string.rep = nil',
      'local p = Process { name = "a", cmdline = "b" } p.__gc = 1',
      'local p = Process { name = "a", cmdline = "b" } p.name = 1',
    } do
      local _, output, status = evaluate.problems(text .. ' return {}', TIME)
      assert.equal(3, status, output)
    end
  end)
  it('__gc, __close and __tostring in tables that nobody reads', function()
    local jobs = evaluate.jobs([[
      local t = { __gc = error, __close = error, __tostring = error, __index = error,
        __name = 1 }
      assert(tostring(t) == "table" and t.x == nil)
      return {}]])
    assert.same({}, jobs)
  end)
  it('a thousand files', function()
    local files = {}
    for i = 1, 300 do files[('a%d.lua'):format(i)] = 'return 1' end
    local list = evaluate.problems('for i = 1, 300 do\n import("a" .. i .. ".lua") end', TIME,
      files)
    assert.matches("import: 'a256.lua': want at most 256 files", list[1].message, 1, true)
    assert.equal(2, list[1].line)
  end)
  it('a thousand assets', function()
    local files = {}
    for i = 1, 300 do files['a' .. i] = 'x' end
    local list = evaluate.problems('local t = {} for i = 1, 300 do t[i] = "a" .. i end\n'
      .. 'SimpleTask { name = "a", cmdline = "b", fetch = t } return {}', TIME, files)
    assert.matches('want at most 256', list[1].message .. (list[1].expected or ''), 1, true)
  end)
  it('a file that needs itself', function()
    local list = evaluate.problems('import "f.lua"', TIME)
    assert.matches('f.lua', list[1].message, 1, true)
  end)
  it('functions without end', function()
    local list = evaluate.problems([[
      local jobs = {}
      for i = 1, 10001 do
        jobs[i] = Job { cluster = "c", role = "r", environment = "test", name = "j" .. i,
          task = SimpleTask("t", "true"), place = function() return true end }
      end
      return jobs]], '--cpu-ms 5000')
    assert.matches('the jobs have more than 10000 functions', list[1].message, 1, true)
    assert.equal(4, list[1].line)
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
    assert.matches('f.lua:1: too many levels of nesting', output, 1, true)
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
