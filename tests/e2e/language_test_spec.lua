-- clusterctl test: the assertions beside a job file; and clusterctl help object.
local cjson = require 'cjson'
local run = require 'support.run'

local JOBS = [[
local count = param("count", { type = "integer", default = 3, min = 1 })
local part = import "part.lua"
local task = Task {
  processes = { Process { name = "server", cmdline = "exec serve {{thermos.ports[http]}}" },
    Process { name = "raw", cmdline = raw "docker {{.Id}}" } },
  resources = Resources { cpu = 0.5, ram = 64*MB, disk = 1*GB } }
return {
  Service { cluster = "devcluster", role = "www-data", environment = "test", name = "web",
    instances = count, task = task, contact = part.who, env = { MODE = "fast" } },
  Job { cluster = "devcluster", role = "www-data", environment = "test", name = "night-ly",
    task = task } }
]]

describe('clusterctl test', function()
  local dir
  setup(function()
    dir = run.temp()
    run.write(dir .. '/web.lua', JOBS)
    run.write(dir .. '/part.lua', 'who = param("who", { type = "string", default = "me" })\n')
  end)
  teardown(function() run.remove(dir) end)

  local function cli(words)
    table.insert(words, 1, run.bin .. '/clusterctl')
    return run.run(words, { env = { HOME = dir, XDG_CONFIG_HOME = dir } })
  end
  --- Run one test file of web.lua.
  local function test(text, ...)
    run.write(dir .. '/web_test.lua', text)
    return cli { 'test', dir .. '/web.lua', ... }
  end

  it('holds what is so', function()
    local result = test([[
expect(web.instances):equals(3):differs(4)
expect(web.task.processes[1].cmdline):matches("^exec"):contains("ports[http]"):lacks("sudo")
expect(web.task.processes[2].cmdline):equals("docker {{.Id}}")
expect(web.task.resources):equals { cpu = 0.5, ram = 64*MB, disk = 1*GB }
expect(web.task.resources):contains { cpu = 0.5 }
expect(web.task.resources):contains "cpu":lacks "gpu"
expect(web.env):equals { MODE = "fast" }
expect(web.task.processes):contains(web.task.processes[2])
expect({ "a", "b" }):equals { "a", "b" }
expect(jobs["night-ly"].task):equals(web.task)
expect(jobs["devcluster/www-data/test/web"]):equals(web)
expect(web.contact):equals "me"
expect(web.production):is_false()
expect(web.service):is_true()
expect(web.tier):is_nil()
test("more", function()
  local more = evaluate { count = 10, who = "you" }
  expect(more.web.instances):equals(10)
  expect(more.web.contact):equals "you"
  expect(web.instances):equals(3)
end)
test("mistakes", function()
  expect(evaluate { count = 0 }):is_error "want at least 1"
  expect(evaluate { cuont = 1 }):is_error "count"
  expect(function() return Process { nmae = "x" } end):is_error "nmae"
  expect(function() error "no" end):is_error()
end)
]])
    assert.equal(0, result.status, result.out .. result.err)
    assert.matches('fine, 26 expectations in 2 tests', result.out, 1, true)
  end)

  for name, case in pairs {
    ['another number'] = { 'expect(web.instances):equals(4)', 'expected 4, got 3' },
    ['another text'] = { 'expect(web.contact):matches("^y")',
      'expected a match of "^y", got "me"' },
    ['a part that is missing'] = { 'expect(web.env):contains { MODE = "slow" }',
      'expected something with { MODE = "slow" }, got { MODE = "fast" }' },
    ['a part that is there'] = { 'expect(web.contact):lacks "e"',
      'expected something without "e", got "me"' },
    ['something'] = { 'expect(web.contact):is_nil()', 'expected nothing, got "me"' },
    ['what is not true'] = { 'expect(web.production):is_true()', 'expected true, got false' },
    ['another list'] = { 'expect({ 1, 2 }):equals { 2, 1 }', 'expected { 2, 1 }, got { 1, 2 }' },
    ['more than was said'] = { 'expect(web.task.resources):equals { cpu = 0.5 }',
      'expected { cpu = 0.5 }, got Resources' },
    ['no error'] = { 'expect(function() end):is_error "x"', 'expected an error with x, got none' },
    ['another error'] = { 'expect(evaluate { count = 0 }):is_error "zero"',
      'expected an error with zero, got web.lua:1:' },
    ['an unknown job'] = { 'expect(jobs.wbe):is_nil()', "no job 'wbe', did you mean 'web'?" },
    ['an unknown name'] = { 'expect(wbe):is_nil()', "undefined name 'wbe', did you mean 'web'?" },
    ['an unknown field'] = { 'expect(web.contcat):is_nil()', "did you mean 'contact'?" },
    ['a dot'] = { 'expect(1).equals(1)', 'want a colon' },
    ['an unknown method'] = { 'expect(1):equal(1)', 'equal' },
    ['a test in a test'] = { 'test("a", function() test("b", function() end) end)',
      'stands inside' },
    ['a syntax error'] = { 'expect(1))', 'near' },
    ['writing to jobs'] = { 'jobs.web = 1', 'cannot be changed' },
    ['mistakes that are used'] = { 'expect(evaluate({ count = 0 }).web):is_nil()',
      'the file has mistakes' },
    ['a mistake of its own'] = { 'local p = Process { name = "p", cmdline = "x", bogus = 1 }',
      "unknown field 'bogus'" },
    ['reaching outside'] = { 'os.exit(0)', "undefined name 'os'" },
  } do
    it('tells of ' .. name, function()
      local result = test('\n' .. case[1] .. '\n')
      assert.equal(4, result.status, result.out .. result.err)
      assert.matches('web_test.lua:', result.out, 1, true)
      assert.matches(case[2], result.out, 1, true)
      assert.matches(' | ', result.out, 1, true)
    end)
  end

  it('goes on after a failure, and names the test', function()
    local result = test [[
expect(1):equals(2)
test("inner", function()
  expect(3):equals(4)
  error("stops here")
end)
expect(5):equals(6)
]]
    assert.equal(4, result.status)
    assert.matches('web_test.lua:1: expected 2, got 1', result.out, 1, true)
    assert.matches('web_test.lua:3: inner: expected 4, got 3', result.out, 1, true)
    assert.matches('web_test.lua:4: inner: stops here', result.out, 1, true)
    assert.matches('web_test.lua:6: expected 6', result.out, 1, true)
    assert.matches('4 of 4 expectations failed', result.out, 1, true)
  end)

  it('wants a method behind each expectation', function()
    local result = test([[
expect(web.instances)
local first, second = expect(1), expect(2)
second:equals(2)
first:equals(1):differs(2)
test("inside", function() expect(web.service) error("over") end)]])
    assert.equal(4, result.status)
    assert.matches('web_test.lua:1: expect(value) alone says nothing: want a method behind it',
      result.out, 1, true)
    assert.matches('web_test.lua:5: inside: expect(value) alone says nothing', result.out, 1, true)
    assert.is_nil(result.out:find('web_test.lua:2', 1, true))
  end)

  it('takes parameters, several files, and speaks JSON', function()
    run.write(dir .. '/web_test.lua', 'expect(web.instances):equals(5)\nexpect(1):equals(2)\n')
    run.write(dir .. '/two.lua', 'return {}\n')
    run.write(dir .. '/two_test.lua', 'expect(1):equals(1)\n')
    local result = cli { 'test', dir .. '/web_test.lua', dir .. '/web.lua', '-p', 'count=5',
      '--json' }
    local answer = cjson.decode(result.out)
    assert.equal(4, result.status)
    assert.is_false(answer.ok)
    assert.equal(2, answer.failures)
    assert.equal(2, answer.files[1].failures[1].line)
    assert.equal('expect(1):equals(2)', answer.files[1].failures[1].source)
    result = cli { 'test', dir .. '/two.lua', dir .. '/two.lua' }
    assert.equal(0, result.status, result.err)
    assert.matches('2 files, 2 expectations, 0 failed', result.out, 1, true)
  end)

  it('stops a test that runs for ever, with its line', function()
    local result = test 'expect(1):equals(1)\nwhile true do end\n'
    assert.not_equal(0, result.status)
    assert.matches('web_test.lua:2', result.out .. result.err, 1, true)
    assert.matches('CPU time', result.out .. result.err, 1, true)
  end)

  it('refuses what is missing or broken', function()
    run.write(dir .. '/lonely.lua', 'return {}\n')
    local result = cli { 'test', dir .. '/lonely.lua' }
    assert.equal(3, result.status)
    assert.matches('lonely_test.lua is not there', result.err, 1, true)
    assert.equal(3, cli({ 'test', dir .. '/none.lua' }).status)
    assert.equal(6, cli({ 'test' }).status)
    run.write(dir .. '/broken.lua', 'return {\n')
    run.write(dir .. '/broken_test.lua', 'expect(1):equals(1)\n')
    result = cli { 'test', dir .. '/broken.lua' }
    assert.equal(3, result.status)
    assert.matches('broken.lua', result.err, 1, true)
  end)
end)

describe('clusterctl help', function()
  local function help(...)
    return run.run { run.bin .. '/clusterctl', 'help', ... }
  end

  it('explains every object of the language', function()
    local result = help('object', 'Process')
    assert.equal(0, result.status)
    assert.matches('cmdline', result.out, 1, true)
    assert.matches('max_failures', result.out, 1, true)
    assert.matches('Process', help('object').out, 1, true)
    assert.matches('cmdline', cjson.decode(help('object', 'Process', '--json').out).text, 1, true)
  end)

  it('suggests the nearest name', function()
    local result = help('object', 'Procss')
    assert.equal(6, result.status)
    assert.matches("did you mean 'Process'?", result.err, 1, true)
  end)

  it('explains every verb', function()
    for verb in help().out:gmatch('\n  (%l+) [%u%[]') do
      local result = help(verb)
      assert.equal(0, result.status, verb)
      assert.matches('usage: clusterctl ' .. verb, result.out, 1, true)
    end
    assert.equal(5, help('nothing').status)
  end)
end)
