-- What is made from the schema: up to date, complete, and true.
package.path = 'lua/?.lua;' .. package.path

local evaluate = require 'lua.evaluate'
local globals = require 'gen.globals'
local model_of = require 'gen.model'
local proto = require 'lua.proto'

local model = model_of.load 'lua/stdlib'

local function read(path)
  local file = assert(io.open(path))
  local text = file:read('a')
  file:close()
  return text
end

it('generated files are what the schema says', function()
  local pipe = assert(io.popen('lua5.4 lua/generate.lua --check 2>&1'))
  assert.equal('', pipe:read('a'))
  pipe:close()
end)

describe('the release of the language', function()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute('cp -r lua/stdlib ' .. folder))
  end)
  after_each(function() os.execute('rm -rf ' .. folder) end)

  local function hash()
    local pipe = assert(io.popen('lua5.4 lua/embed.lua ' .. folder))
    local text = pipe:read('a')
    assert(pipe:close())
    return assert(text:match('STDLIB_HASH%[%] = "(%x+)"'))
  end

  local function append(path)
    local file = assert(io.open(folder .. '/' .. path, 'a'))
    file:write('-- more\n')
    file:close()
  end

  it('changes with a template, and with the schema', function()
    local before = hash()
    append 'templates/web_service.lua'
    local after = hash()
    assert.not_equal(before, after)
    append 'schema/job.lua'
    assert.not_equal(after, hash())
  end)

  it('does not change with what is for editors only', function()
    local before = hash()
    append 'meta/objects.lua'
    append 'luacheck.lua'
    assert.equal(before, hash())
  end)
end)

describe('annotations', function()
  local objects, names = read 'lua/stdlib/meta/objects.lua', read 'lua/stdlib/meta/names.lua'

  it('are Lua', function()
    for _, name in ipairs { 'names', 'objects', 'types' } do
      assert(loadfile(('lua/stdlib/meta/%s.lua'):format(name)))
    end
  end)

  it('of templates are Lua, and have every option', function()
    for _, template in ipairs(model.templates) do
      local path = ('lua/stdlib/meta/templates/%s.lua'):format(template.name)
      assert(loadfile(path))
      for _, option in ipairs(template) do
        assert.matches(('@field %s? '):format(option[1]), read(path), 1, true)
      end
    end
  end)

  it('have every field of every object', function()
    for _, object in ipairs(model.objects) do
      local class = objects:match('\n%-%-%-@class ' .. object.name .. '%.Changes\n(.-)\n\n')
      assert(class, object.name)
      for _, field in ipairs((model_of.split(object))) do
        assert.matches(('@field %s? '):format(field[1]), class, 1, true)
      end
    end
  end)

  it('name only classes that there are', function()
    local known = { integer = true, string = true, boolean = true, number = true, any = true,
      table = true, fun = true }
    local all = objects .. names .. read 'lua/stdlib/meta/types.lua'
    for class in all:gmatch('@class ([%w.]+)') do known[class] = true end
    for kind in all:gmatch('\n%-%-%-@field [%w_?]+ ([^#\n]+)') do
      for word in kind:gsub('"[^"]*"', ''):gsub('fun%b()', 'fun'):gmatch('%f[%w][%a][%w.]*') do
        assert(known[word], word .. ' in ' .. kind)
      end
    end
  end)

  it('have every constructor and function', function()
    for _, row in ipairs(model.language.constructors) do
      assert.matches(('\nfunction %s(fields) end\n'):format(row[1]), names, 1, true)
    end
    for _, call in ipairs(model.functions) do
      assert.matches(('\nfunction %s('):format(call.name), names, 1, true)
    end
  end)
end)

it('what functions are given has the documented fields', function()
  local source = { Host = 'judge', HostResources = 'judge', HealthContext = 'health_call',
    HttpAnswer = 'health_call' }
  local seen = 0
  for _, class in ipairs(model.types) do
    local text = source[class.name] and read(('src/script/%s.c'):format(source[class.name]))
    for _, field in ipairs(text and class or {}) do
      assert.matches('"' .. field[1] .. '"', text, 1, true)
      seen = seen + 1
    end
  end
  assert.is_true(seen >= 18)
end)

describe('the language', function()
  it('has every name that is documented', function()
    local lines = {}
    for _, name in ipairs(globals.names(model)) do lines[#lines + 1] = '_ = ' .. name end
    local list, output = evaluate.problems(table.concat(lines, '\n') .. '\nreturn {}')
    assert.same({}, list, output)
  end)

  it('has no function of its stdlib that is not documented', function()
    local known = {}
    for _, call in ipairs(model.functions) do known[call.name] = true end
    for _, row in ipairs(model.language.library) do assert(known[row[1]], row[1]) end
    for within, rows in pairs(model.language.tables) do
      for _, row in ipairs(rows) do assert(known[within .. '.' .. row[1]], within .. row[1]) end
    end
  end)

  it('takes every example of the manual', function()
    local lines = {}
    for _, object in ipairs(model.objects) do
      local example = model_of.example(object)
      assert(example, object.name .. ' has no example')
      lines[#lines + 1] = '_ = ' .. example
    end
    local list, output = evaluate.problems(table.concat(lines, '\n') .. '\nreturn {}')
    assert.same({}, list, output)
  end)

  it('takes the Lua of the manual', function()
    local page = read 'docs/job-language.md'
    local count = 0
    for code in page:match('^(.-)\n## An editor'):gmatch('```lua\n(.-)\n```') do
      local text = code:find('\nreturn') and code or code .. '\nreturn {}'
      local list, output = evaluate.problems(text, nil, { server = '#!/bin/sh\n' })
      assert.same({}, list, code .. '\n' .. output)
      count = count + 1
    end
    assert.is_true(count >= 3)
  end)

  -- What the examples of functions speak of.
  local function prelude(kind)
    local lines = {}
    for _, name in ipairs { 'web', 'fetch', 'build', 'test', 'log_shipper', 'server', 'shipper',
      'rotate', 'task' } do
      local form = kind == 'Task' and 'local NAME = SimpleTask("NAME", "true")'
        or 'local NAME = Process { name = "NAME", cmdline = "true", env = { A = "1" } }'
      lines[#lines + 1] = form:gsub('NAME', name)
    end
    return table.concat(lines, '\n') .. '\n'
  end

  for _, call in ipairs(model.functions) do
    if call.example then
      it('takes the example of ' .. call.name, function()
        local is_task = call.name:find('^Tasks')
        local code = call.example:find('^local ') and call.example
          or '_ = { ' .. call.example .. ' }'
        local list, output = evaluate.problems(prelude(is_task and 'Task' or 'Process') .. code
          .. '\nreturn {}', nil, { ['common.lua'] = 'return {}' })
        assert.same({}, list, output)
      end)
    end
  end
end)

describe("operators' files", function()
  local meta, page = read 'lua/stdlib/meta/files.lua', read 'docs/operator-files.md'

  local function check(name, text)
    local dir = os.tmpname()
    os.remove(dir)
    assert(os.execute('mkdir ' .. dir))
    local path = dir .. '/' .. name
    local file = assert(io.open(path, 'w'))
    file:write(text, '\n')
    file:close()
    assert(os.execute('chmod 644 ' .. path))
    local pipe = assert(io.popen('build/bin/clusterctl security check ' .. path .. ' 2>&1'))
    local said = pipe:read('a')
    pipe:close()
    os.execute('rm -r ' .. dir)
    return (said:gsub(dir .. '/', ''))
  end

  it('have their annotations, with every field, in Lua', function()
    assert(load(meta))
    for _, object in ipairs(model.files) do
      local class = assert(meta:match('\n%-%-%-@class ' .. object.name .. '\n(.-)\n\n'))
      for _, field in ipairs(object) do
        assert.matches('@field ' .. field[1] .. '%f[?%s]', class)
      end
    end
  end)

  it('have a page with every field, and their globals for luacheck', function()
    for _, object in ipairs(model.files) do
      assert.matches('### ' .. object.name .. '\n', page, 1, true)
      for _, field in ipairs(object) do
        assert.matches('| `' .. field[1] .. '` |', page, 1, true)
      end
    end
    local std = assert(loadfile 'lua/stdlib/luacheck_files.lua')()
    assert.same({ 'roles', 'users' }, std.globals)
  end)

  for _, object in ipairs(model.files) do
    it('take the example of ' .. object.name, function()
      assert.matches('^' .. object.file .. ': fine', check(object.file, object.example))
    end)
  end

  it('are checked as job files are', function()
    local said = check('security.lua', 'roles = { web = { actions = "job.kil" } }\n'
      .. 'users = {\n  ada = { rolse = "web", limits = { jobs = 0 } },\n}')
    assert.matches("security.lua:1: 'actions[1]' is 'job.kil': want actions: ", said, 1, true)
    assert.matches("did you mean 'job.kill'?", said, 1, true)
    assert.matches("security.lua:3: unknown field 'rolse', did you mean 'roles'?", said, 1, true)
    assert.matches('\n       |           ^^^^^\n', said, 1, true)
    assert.matches("'jobs' is 0: want an integer from 1 to 1000000000000", said, 1, true)
  end)
end)

-- What of a message no field of the language says: it is computed, or said by
-- a value of another kind (raw, secret).
local COMPUTED = {
  EnvVar = { secret = true },
  Job = { port_names = true, bundle_hash = true },
  Process = { raw = true },
  Fetch = { asset = true, size_bytes = true },
  ShellCheck = { raw = true },
  Group = { jobs = true, groups = true },
}

local WIRE = {
  string = 'string', template = 'string', boolean = 'bool', integer = 'u?int%d+',
  milli = 'uint%d+', mebibytes = 'uint64', ['function'] = 'Function',
}

describe('proto/perigee/job.proto', function()
  local messages, enums = proto.parse 'proto/perigee/job.proto'

  -- Its message is the same whichever of the objects it is.
  local function check(object, field, said)
    local where = object.name .. '.' .. field[1]
    local is_list = field[2] == 'list' or field[2] == 'map'
    local of = model_of.objects_of(field)
    assert.equal(is_list or nil, said.repeated or nil, where)
    if enums[said.type] then
      assert(field[2] == 'tag' or field[2] == 'integer' or field[2] == 'boolean', where)
    elseif #of > 0 then
      for _, name in ipairs(of) do assert.equal(model.by_name[name].message, said.type, where) end
    else
      local kind = is_list and model_of.plain_of(field) or field[2]
      assert.matches('^' .. assert(WIRE[kind], kind) .. '$', said.type, 1, false, where)
    end
  end

  it('has each field of the schema, with its type', function()
    for _, object in ipairs(model.objects) do
      local message = assert(messages[object.message], object.message)
      for _, field in ipairs(object) do
        local wire = field.wire or field[1]
        local is_kept = wire ~= '*' and wire ~= '-' and object.name ~= 'SimpleTask'
          and field[2] ~= 'refused' and field[2] ~= 'into'
        if is_kept then
          assert(message[wire], ('%s: no field %s'):format(object.message, wire))
          check(object, field, message[wire])
        end
      end
    end
  end)

  it('has no field that the schema does not say', function()
    local said = {}
    for _, object in ipairs(model.objects) do
      said[object.message] = said[object.message] or {}
      for _, field in ipairs(object) do said[object.message][field.wire or field[1]] = true end
    end
    for name, fields in pairs(said) do
      for field in pairs(messages[name]) do
        assert(fields[field] or (COMPUTED[name] or {})[field], name .. '.' .. field)
      end
    end
  end)
end)
