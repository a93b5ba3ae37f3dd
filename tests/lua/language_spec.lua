-- What job files mean: values, defaults, copies, parameters, other files.
local evaluate = require 'lua.evaluate'

local HEAD = 'cluster = "c", role = "r", environment = "test", '
local SMALL = 'resources = Resources { cpu = 1, ram = 1*MB, disk = 1*MB }, '

local function job(fields)
  return evaluate.jobs('return { Job { ' .. HEAD .. fields .. ' } }')[1]
end

describe('a job', function()
  it('has the documented defaults', function()
    local got = job 'task = SimpleTask("hello", "true")'
    assert.equal('hello', got.name)
    assert.equal(1, got.instances)
    assert.is_false(got.service)
    assert.equal(0, got.priority)
    assert.equal(1, got.max_task_failures)
    assert.equal('preemptible', got.tier)
    assert.is_false(got.production)
  end)

  it('is a service when made by Service', function()
    local list = evaluate.jobs('local t = SimpleTask("a", "b") return { Service { ' .. HEAD
      .. 'task = t } }')
    assert.is_true(list[1].service)
  end)

  it('of production has tier preferred', function()
    assert.equal('preferred', job('production = true, task = SimpleTask("a", "b")').tier)
  end)

  it('takes constraints of both spellings', function()
    local got = job [[task = SimpleTask("a", "b"), constraints = {
      rack = limit(1), host = "limit:2", zone = one_of("a", "b"), cpu = "x,y",
      disk = none_of { "slow" }, gen = "!1,2" }]]
    local by_name = {}
    for _, one in ipairs(got.constraints) do by_name[one.attribute] = one end
    assert.same({ attribute = 'rack', kind = 'LIMIT', limit = 1 }, by_name.rack)
    assert.same({ attribute = 'host', kind = 'LIMIT', limit = 2 }, by_name.host)
    assert.same({ attribute = 'zone', kind = 'ONE_OF', values = { 'a', 'b' } }, by_name.zone)
    assert.same({ attribute = 'cpu', kind = 'ONE_OF', values = { 'x', 'y' } }, by_name.cpu)
    assert.same({ attribute = 'disk', kind = 'NONE_OF', values = { 'slow' } }, by_name.disk)
    assert.same({ attribute = 'gen', kind = 'NONE_OF', values = { '1', '2' } }, by_name.gen)
  end)

  it('collects its ports, sorted', function()
    local got = job [[task = SimpleTask("a",
      "x {{thermos.ports[http]}} {{thermos.ports[admin]}} {{thermos.ports[http]}}")]]
    assert.same({ 'admin', 'http' }, got.port_names)
  end)

  it('takes metadata as a map and as Aurora writes it', function()
    local want = { { key = 'a', value = '1' }, { key = 'b', value = '2' } }
    assert.same(want, job([[task = SimpleTask("a", "b"),
      metadata = { b = "2", a = "1" }]]).metadata)
    assert.same(want, job([[task = SimpleTask("a", "b"),
      metadata = { { key = "b", value = "2" }, Metadata { key = "a", value = "1" } }]]).metadata)
  end)

  it('takes environment_variables for env', function()
    assert.same({ { name = 'A', value = 'x' } },
      job('task = SimpleTask("a", "b"), environment_variables = Env { A = "x" }').env)
  end)

  it('may come from the global jobs', function()
    assert.same({}, evaluate.jobs 'jobs = {}')
    assert.same({}, evaluate.jobs 'return {}')
  end)
end)

describe('a task', function()
  it('has the documented defaults', function()
    local task = evaluate.task 'processes = { Process { name = "p", cmdline = "true" } }'
    assert.equal('p', task.name)
    assert.equal(1, task.max_failures)
    assert.equal(0, task.max_concurrency)
    assert.equal(30, task.finalization_wait)
    assert.same({ cpu_milli = 1000, ram_bytes = 1 << 20, disk_bytes = 1 << 20, gpu = 0 },
      task.resources)
    assert.same({
      name = 'p', cmdline = 'true', max_failures = 1, daemon = false, ephemeral = false,
      min_duration = 5, final = false, raw = false,
      logger = { destination = 'file', mode = 'rotate', log_size = 100 << 20, backups = 5 },
    }, task.processes[1])
  end)

  it('orders by names and by processes', function()
    local task = evaluate.task [[processes = { Process { name = "a", cmdline = "1" },
      Process { name = "b", cmdline = "2" } }, constraints = { order("a", "b") }]]
    assert.same({ { order = { 'a', 'b' } } }, task.constraints)
    local one = evaluate.task [[processes = { Process { name = "a", cmdline = "1" } },
      constraints = Constraint { order = { Process { name = "a", cmdline = "" .. 1 } } }]]
    assert.same({ { order = { 'a' } } }, one.constraints)
  end)

  it('is ordered as listed when made by SequentialTask', function()
    local list = evaluate.jobs('return { Job { ' .. HEAD .. 'task = SequentialTask { '
      .. SMALL .. [[
      processes = { Process { name = "a", cmdline = "1" }, Process { name = "b", cmdline = "2" },
        Process { name = "c", cmdline = "3" } } } } }]])
    assert.same({ { order = { 'a', 'b', 'c' } } }, list[1].task.constraints)
  end)

  it('rounds ram and disk down to whole MiB', function()
    local list = evaluate.jobs('return { Job { ' .. HEAD .. [[task = SimpleTask { name = "a",
      cmdline = "b", resources = Resources { cpu = 0.1, ram = 2.5*MB, disk = 1*GB + 1 } } } }]])
    assert.same({ cpu_milli = 100, ram_bytes = 2 << 20, disk_bytes = 1 << 30, gpu = 0 },
      list[1].task.resources)
  end)

  it('of a SimpleTask has 1 cpu, 1 GB and 1 GB', function()
    assert.same({ cpu_milli = 1000, ram_bytes = 1 << 30, disk_bytes = 1 << 30, gpu = 0 },
      job('task = SimpleTask { name = "a", cmdline = "b" }').task.resources)
  end)

  it('keeps raw text apart', function()
    local task = evaluate.task
      'processes = { Process { name = "p", cmdline = raw [[echo {{.Id}}]] } }'
    assert.equal('echo {{.Id}}', task.processes[1].cmdline)
    assert.is_true(task.processes[1].raw)
  end)

  it('fetches files beside the job file by their hash', function()
    local list = evaluate.jobs('return { Job { ' .. HEAD .. [[task = SimpleTask { name = "a",
      cmdline = "b", fetch = { "x/run.sh", Fetch { uri = "https://example.org/a.tgz",
      extract = true, output = "b.tgz" } } } } }]], nil, { ['x/run.sh'] = 'abc' })
    local fetch = list[1].task.fetch
    assert.same({
      uri = 'x/run.sh', output = 'run.sh', asset = true, size_bytes = 3,
      sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      extract = false, executable = false, cache = false,
    }, fetch[1])
    assert.same({
      uri = 'https://example.org/a.tgz', output = 'b.tgz', asset = false,
      extract = true, executable = false, cache = false,
    }, fetch[2])
  end)
end)

describe('a value', function()
  local P = 'local p = Process { name = "a", cmdline = "b", env = { X = "1" } } '

  it('reads its fields, defaults included', function()
    assert.equal('a', evaluate.value(P, 'p.name'))
    assert.equal('1', evaluate.value(P, 'p.max_failures'))
    assert.equal('false', evaluate.value(P, 'p.daemon'))
    assert.equal('1', evaluate.value(P, 'p.env.X'))
    assert.equal('nil', evaluate.value(P, 'p.logger'))
    assert.equal('nil', evaluate.value(P, 'p[1]'))
    assert.equal("Process 'a'", evaluate.value(P, 'p'))
  end)

  it('is copied with changes by a call', function()
    assert.equal('c', evaluate.value(P, 'p { name = "c" }.name'))
    assert.equal('b', evaluate.value(P, 'p { name = "c" }.cmdline'))
    assert.equal('a', evaluate.value(P .. 'p { name = "c" } ', 'p.name'))
  end)

  it('loses a field by unset', function()
    assert.equal('nil', evaluate.value(P, 'p { env = unset }.env'))
    assert.equal('1', evaluate.value('local p = Process { name = "a", cmdline = "b", '
      .. 'max_failures = 7 } ', 'p { max_failures = unset }.max_failures'))
  end)

  it('copies the tables it was given', function()
    assert.equal('1', evaluate.value([[local env = { X = "1" }
      local p = Process { name = "a", cmdline = "b", env = env }
      env.X = "2"]], 'p.env.X'))
  end)

  it('has frozen lists that can be walked', function()
    local T = P .. 'local t = Task { processes = { p, p { name = "z" } }, ' .. SMALL .. '} '
    assert.equal('2', evaluate.value(T, '#t.processes'))
    assert.equal('z', evaluate.value(T, 't.processes[2].name'))
    assert.equal('a,z,', evaluate.value(T .. [[local s = ""
      for _, one in ipairs(t.processes) do s = s .. one.name .. "," end]], 's'))
    assert.equal('false', evaluate.value(T, 'pcall(function() t.processes[1] = nil end)'))
    assert.equal('false', evaluate.value(T, 'pcall(table.insert, t.processes, p)'))
    assert.equal('cmdline,env,name,', evaluate.value(P .. [[local s = ""
      for name in pairs(p) do s = s .. name .. "," end]], 's'))
  end)

  it('merges maps with extend', function()
    assert.equal('1 2 nil', evaluate.value([[local e = extend({ A = "0", C = "3" },
      Env { A = "1" }, { B = "2", C = unset })]], 'e.A .. " " .. e.B .. " " .. tostring(e.C)'))
  end)
end)

describe('a parameter', function()
  local TEXT = [[
    local n = param("n", { type = "integer", default = 3, min = 1, max = 9 })
    local who = param("who", { choices = { "a", "b" } })
    local debug = param("debug", { type = "boolean", default = false })
    return { Job { cluster = "c", role = "r", environment = "test", instances = n,
      contact = who .. tostring(debug), task = SimpleTask("t", "true") } }
  ]]

  it('is given with -p or has its default', function()
    local got = evaluate.jobs(TEXT, '-p who=a')[1]
    assert.equal(3, got.instances)
    assert.equal('afalse', got.contact)
    got = evaluate.jobs(TEXT, '-p who=b -p n=5 -p debug=true')[1]
    assert.equal(5, got.instances)
    assert.equal('btrue', got.contact)
  end)

  it('has every mistake told', function()
    local _, output = evaluate.problems(TEXT, '-p n=12 -p debgu=true')
    assert.matches("parameter 'n' is out of range: want at most 9", output, 1, true)
    assert.matches("parameter 'who' is not given: want -p name=value", output, 1, true)
    assert.matches("parameter 'debgu' is given, but f.lua declares none of that name, "
      .. "did you mean 'debug'?", output, 1, true)
    _, output = evaluate.problems(TEXT, '-p n=many -p who=c')
    assert.matches("parameter 'n' is 'many': want an integer", output, 1, true)
    assert.matches("parameter 'who' is none of its choices", output, 1, true)
  end)

  local function problem(call, flags)
    local _, output = evaluate.problems(call .. ' return {}', flags)
    return output
  end

  it('is checked as a declaration', function()
    for call, message in pairs {
      ['param("n", { type = "intger" })'] = "parameter 'n' has an unknown type: want 'string', "
        .. "'integer', 'number' or 'boolean', did you mean 'integer'?",
      ['param("n", { typ = "integer", default = "" })'] =
        "parameter 'n' has an unknown option 'typ', did you mean 'type'?",
      ['param("n", { type = "integer", default = "x" })'] =
        "parameter 'n' has a default that is no integer",
      ['param("n", { type = "integer", default = 1.5 })'] =
        "parameter 'n' has a default that is no integer",
      ['param("n", { type = "number", default = 1/0 })'] =
        "parameter 'n' has a default that is no number",
      ['param("n", { type = "integer", default = 5, max = 3 })'] =
        "parameter 'n' has a default out of range: want at most 3",
      ['param("n", { type = "number", default = 4, min = 5, max = 1.5 })'] =
        "parameter 'n' has a min above its max: want max to be at least 5",
      ['param("n", { default = "x", min = 3 })'] =
        "parameter 'n' has a min that is no bound of its type",
      ['param("n", { default = "x", choices = {} })'] =
        "parameter 'n' has choices that are none: want a list of 1 to 256 values, each a string",
      ['param("n", { default = "prd", choices = { "prod", "test" } })'] =
        "parameter 'n' has a default none of its choices: want 'prod', 'test', "
        .. "did you mean 'prod'?",
      ['param("a b", { default = "" })'] = "parameter 'a b' cannot be given with -p name=value",
      ['param("n", { default = "a" }) param("n", { default = "b" })'] =
        "parameter 'n' is declared twice, and differs",
      ['param("n", { default = "", help = 3 })'] =
        "parameter 'n' has a help that cannot be shown",
    } do
      assert.matches(message, problem(call), 1, true)
    end
  end)

  it('takes values of its type only', function()
    for given, call in pairs {
      ['1.5'] = 'integer', ['0x1g'] = 'number', ['nan'] = 'number', ['1e999'] = 'number',
      ['yes'] = 'boolean', ['9223372036854775808'] = 'integer',
    } do
      local output = problem(('param("n", { type = "%s" })'):format(call), '-p n=' .. given)
      assert.matches(("parameter 'n' is '%s': want an? %s"):format(given:gsub('%.', '%%.'), call),
        output)
    end
  end)

  it('may be declared twice alike, and default to 3.0 as an integer', function()
    local got = evaluate.jobs([[
      local function n() return param("n", { type = "integer", default = 3.0 }) end
      assert(n() == n() and math.type(n()) == "integer")
      return {}]])
    assert.same({}, got)
  end)
end)

describe('other files', function()
  local RETURN = ' return { Job { ' .. HEAD .. 'contact = x, task = SimpleTask("t", "true") } }'

  local function contact(text, files)
    return evaluate.jobs(text .. RETURN, nil, files)[1].contact
  end

  it('are required by name beside the job file', function()
    assert.equal('yes', contact('local x = require("lib.a").word',
      { ['lib/a.lua'] = 'return { word = "yes" }' }))
  end)

  it('are imported by path, relative to who imports', function()
    assert.equal('yes', contact('local x = import("lib/a.lua")', {
      ['lib/a.lua'] = 'return import("b.lua")',
      ['lib/b.lua'] = 'return import "../c.lua"',
      ['c.lua'] = 'return "yes"',
    }))
  end)

  it('give their names when they return nothing', function()
    assert.equal('yes', contact('local x = import("a.lua").word', { ['a.lua'] = 'word = "yes"' }))
  end)

  it('run once', function()
    assert.equal('true', contact('local x = tostring(require("a") == import("a.lua"))',
      { ['a.lua'] = 'return {}' }))
  end)

  it('do not share their names', function()
    local list = evaluate.problems('import("a.lua") local x = word' .. RETURN,
      nil, { ['a.lua'] = 'word = "yes"' })
    assert.same({ { line = 1, message = "undefined name 'word'" } }, list)
  end)

  it('find the stdlib', function()
    assert.equal('1024', contact('local x = tostring(require("units").KB)', {}))
  end)

  it('are told with the nearest name of the stdlib', function()
    local list = evaluate.problems('require "templates.web_servce"')
    assert.equal("require: no 'templates.web_servce' beside the job file or in the stdlib, "
      .. "did you mean 'templates.web_service'?", list[1].message)
    list = evaluate.problems('require "nothing.like.this"')
    assert.equal("require: no 'nothing.like.this' beside the job file or in the stdlib",
      list[1].message)
  end)

  it('of the stdlib cannot need themselves either', function()
    evaluate.with_files({ ['f.lua'] = 'require "one"', ['std/one.lua'] = 'require "sub.two"',
      ['std/sub/two.lua'] = 'return require "one"' }, function(folder)
      local pipe = assert(io.popen(("PERIGEE_STDLIB=%s/std '%s/evaluate' %s/f.lua 2>&1"):format(
        folder, os.getenv('PERIGEE_BIN') or 'build/bin', folder)))
      assert.matches("f.lua:1: 'stdlib:one' needs itself: stdlib:one -> stdlib:sub.two -> "
        .. 'stdlib:one', pipe:read('a'), 1, true)
      pipe:close()
    end)
  end)

  it('cannot need themselves', function()
    local _, output = evaluate.problems('import "a.lua"', nil,
      { ['a.lua'] = 'import "b.lua"', ['b.lua'] = 'import "a.lua"' })
    assert.matches("b.lua:1: 'a.lua' needs itself: a.lua -> b.lua -> a.lua", output, 1, true)
  end)

  it('cannot need themselves through others', function()
    local _, output = evaluate.problems('local x = require "lib.a"', nil, {
      ['lib/a.lua'] = 'return { word = import "b.lua" }',
      ['lib/b.lua'] = 'local function f() return require "c" end return f()',
      ['c.lua'] = '\nreturn import "lib/a.lua"',
    })
    assert.matches("c.lua:2: 'lib/a.lua' needs itself: "
      .. 'lib/a.lua -> lib/b.lua -> c.lua -> lib/a.lua', output, 1, true)
  end)

  it('that ended with an error are not taken for a circle', function()
    local _, output = evaluate.problems('pcall(import, "a.lua")\nimport "a.lua"', nil,
      { ['a.lua'] = 'error "no"' })
    assert.matches("f.lua:2: 'a.lua' ended with an error when it was needed before", output, 1,
      true)
  end)

  it('have their own place in problems', function()
    local list = evaluate.problems('import "a.lua"\nlocal p = Process {} return {}',
      nil, { ['a.lua'] = '\nlocal p = Process { name = 5, cmdline = "x" }' })
    assert.equal(2, list[1].line)
    assert.equal(3, #list)
  end)

  it('end the run by a syntax error, told once', function()
    local list = evaluate.problems('pcall(import, "a.lua")\nimport "a.lua"', nil,
      { ['a.lua'] = 'x = = 1' })
    assert.equal(1, list[1].line)
    assert.matches("unexpected symbol near '='", list[1].message, 1, true)
  end)

  it('stay below the folder, or --root', function()
    evaluate.with_files({ ['jobs/f.lua'] = 'local x = import "../lib/a.lua"' .. RETURN,
      ['lib/a.lua'] = 'return "yes"' }, function(folder)
      local output, status = evaluate.file(folder .. '/jobs/f.lua')
      assert.equal(3, status)
      assert.matches("import: '../lib/a.lua' is outside the job file's folder", output, 1, true)
      output, status = evaluate.file(folder .. '/jobs/f.lua', '--root ' .. folder)
      assert.equal(0, status, output)
    end)
  end)
end)

describe('a problem', function()
  it('has the path of its field in the job', function()
    local _, output = evaluate.problems([[
      local p = Process { name = "p", cmdline = 5 }
      local t = Task { processes = { Process { name = "a", cmdline = "b" }, p },
        resources = Resources { cpu = 1, ram = 1*MB, disk = "x" } }
      return { Service { cluster = "c", role = "r", environment = "test", name = "web",
        task = t } }]])
    assert.matches('in Process begun at f.lua:1 (web.task.processes[2].cmdline)', output, 1, true)
    assert.matches('in Resources begun at f.lua:3 (web.task.resources.disk)', output, 1, true)
  end)

  it('names what reached no job by kind and name', function()
    local _, output = evaluate.problems 'local p = Process { name = "p", cmdline = 5 } return {}'
    assert.matches("in Process 'p' begun at f.lua:1 (cmdline)", output, 1, true)
  end)

  it('of a copy names its object', function()
    local _, output = evaluate.problems(
      'local p = Process { name = "p", cmdline = "x" }\nlocal q = p { final = 5 } return {}')
    assert.matches('in Process begun at f.lua:2 (final)', output, 1, true)
  end)

  it('marks the field in its line', function()
    local _, output = evaluate.problems(
      'local p = Process { name = "p",\n\tcmdline = 5 } return {}')
    assert.matches('     2 | \tcmdline = 5 } return {}\n       | \t^^^^^^^\n', output, 1, true)
  end)

  it('is printed at most 50 times', function()
    local lines = {}
    for i = 1, 60 do lines[i] = 'Process { name = 5, cmdline = "x" }' end
    local list, output = evaluate.problems(table.concat(lines, '\n') .. ' error "end"')
    assert.equal(51, #list)
    assert.equal(60, list[51].line)
    assert.matches('evaluation stopped here\nand 10 more', output, 1, true)
  end)
end)

describe('a bundle', function()
  it('gives equal jobs wherever it is evaluated', function()
    for _, name in ipairs { 'hello_world', 'outputenv', 'pipeline' } do
      local output, status = evaluate.file('configs/examples/' .. name .. '.lua', '--again')
      assert.equal('same\n', output)
      assert.equal(0, status)
    end
  end)

  it('holds what was imported and the parameters', function()
    local output, status = evaluate.text([[
      local x = import "lib/a.lua"
      return { Job { cluster = "c", role = "r", environment = "test", contact = param("who"),
        task = SimpleTask { name = "t", cmdline = x, fetch = { "data" } } } }]],
      '--again -p who=me', { ['lib/a.lua'] = 'return "true"', data = ('x'):rep(100000) })
    assert.equal('same\n', output)
    assert.equal(0, status)
  end)
end)
