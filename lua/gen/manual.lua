--- docs/job-language.md: an introduction written by hand, whose lines
--- `@objects@`, `@functions@` and the like are replaced from the schema.

local model_of = require 'gen.model'
local words = require 'gen.words'

local M = {}

local function cell(text)
  return (text:gsub('|', '\\|'))
end

local function anchor(name)
  return ('[%s](#%s)'):format(name, name:lower())
end

-- The type, with links to the objects in it.
local function type_cell(model, field)
  return (words.type(field):gsub('%u%w+', function(name)
    return model.by_name[name] and anchor(name)
  end))
end

local function default_cell(field)
  if field.required then return 'required' end
  local default = words.default(field)
  return default and '`' .. default .. '`' or ''
end

local function add_field(out, model, object, field)
  local name, said = '`' .. field[1] .. '`', field
  for _, alias in ipairs(model_of.aliases(field)) do
    name = name .. ', `' .. alias .. '`'
  end
  if field[2] == 'into' then said = model_of.target(model, object, field) end
  out(('| %s | %s | %s | %s | %s |'):format(name, type_cell(model, said),
    default_cell(said), cell(words.range(said)), cell(field.help)))
end

local function quoted_names(list)
  local names = {}
  for i, entry in ipairs(list) do
    names[i] = '`' .. (type(entry) == 'table' and entry[1] or entry) .. '`'
  end
  return table.concat(names, ', ')
end

-- What another value of a field means to instances that run.
local function add_changes(out, held)
  local quiet, moves = {}, {}
  for _, field in ipairs(held) do
    if field.quiet then quiet[#quiet + 1] = field[1] end
    if field.moves then moves[#moves + 1] = field[1] end
  end
  if #quiet == 0 then return end
  out(('\nInstances that run go on when these change: %s. Other %s move only '
    .. 'the instances whose host does not suit them. Anything else restarts '
    .. 'instances, as `update` says.'):format(quoted_names(quiet), quoted_names(moves)))
end

local function add_object(out, model, object)
  local held, refused = model_of.split(object)
  local makers = model.made_by[object.name] or {}
  out(('\n### %s\n\n%s'):format(object.name, words.sentence(object.help)))
  if #makers > 1 or makers[1] and makers[1] ~= object.name then
    out(('\nMade by %s.'):format(quoted_names(makers)))
  end
  local alone = words.alone(object)
  if alone then out('\n' .. alone) end
  local example = model_of.example(object)
  if example then out('\n```lua\n' .. example .. '\n```') end
  out '\n| field | type | default | range | meaning |'
  out '| --- | --- | --- | --- | --- |'
  for _, field in ipairs(held) do add_field(out, model, object, field) end
  add_changes(out, held)
  if #refused > 0 then out '\nRefused:\n' end
  for _, field in ipairs(refused) do
    out(('- `%s`: %s'):format(field[1], field.help))
  end
end

local parts = {} -- @name@ in the template -> function(out, model)

function parts.contents(out, model)
  local names = {}
  for i, object in ipairs(model.objects) do names[i] = anchor(object.name) end
  for _, line in ipairs(words.wrap(table.concat(names, ', ') .. '.', 160)) do
    out(line)
  end
end

function parts.objects(out, model)
  for _, object in ipairs(model.objects) do add_object(out, model, object) end
end

function parts.files(out, model)
  for _, object in ipairs(model.files) do add_object(out, model, object) end
end

local function add_calls(out, calls)
  out '| function | meaning | example |'
  out '| --- | --- | --- |'
  for _, call in ipairs(calls) do
    local names = {}
    for i, parameter in ipairs(call.params or {}) do
      names[i] = parameter[1]
    end
    local shape = call.takes and call.name .. ' { ... }'
      or ('%s(%s)'):format(call.name, table.concat(names, ', '))
    out(('| `%s` | %s | %s |'):format(shape, cell(call.help),
      call.example and '`' .. cell(call.example) .. '`' or ''))
  end
end

function parts.functions(out, model)
  add_calls(out, model.functions)
end

function parts.tools(out, model)
  add_calls(out, model.tools)
end

-- What the comment at the head of a file says first.
local function first_sentence(path)
  local lines = {}
  for line in io.lines(path) do
    local text = line:match('^%-%- (.*)$')
    if not text then break end
    lines[#lines + 1] = text
  end
  local said = table.concat(lines, ' ')
  return said:match('^(.-%.)%s') or said
end

-- The daemons' configurations, and what a job runs, are no job files.
local NO_JOBS = {
  ['agent.lua'] = true, ['aurora.lua'] = true, ['master.lua'] = true,
  ['outputenv/server.lua'] = true,
}

function parts.examples(out)
  out '| file | what it shows |\n| --- | --- |'
  local pipe = assert(io.popen(
    "cd configs/examples && find . -name '*.lua' | LC_ALL=C sort"))
  for path in pipe:lines() do
    path = path:sub(3)
    if not NO_JOBS[path] and not path:find('_test%.lua$') then
      out(('| [%s](../configs/examples/%s) | %s |'):format(path, path,
        cell(first_sentence('configs/examples/' .. path))))
    end
  end
  pipe:close()
end

function parts.units(out, model)
  out '| name | meaning |\n| --- | --- |'
  for _, unit in ipairs(model.units) do
    out(('| `%s` | %s |'):format(unit[1], unit[2]))
  end
end

function parts.types(out, model)
  for _, class in ipairs(model.types) do
    if #class > 0 and class.name ~= 'ParamOptions' then
      out(('\n**%s**: %s.\n'):format(class.name, class.help))
      out '| field | type | meaning |\n| --- | --- | --- |'
      for _, field in ipairs(class) do
        out(('| `%s` | `%s` | %s |'):format(field[1], cell(field[2]),
          cell(field[3])))
      end
    end
  end
end

function parts.templates(out, model)
  for _, template in ipairs(model.templates) do
    out(('### templates.%s\n\n%s\n'):format(template.name,
      words.sentence(template.help)))
    out(('```lua\n%s\n```\n'):format(template.example))
    out '| option | default | meaning |\n| --- | --- | --- |'
    for _, option in ipairs(template) do
      local default = words.default { option[1], 'integer',
        default = option.default }
      out(('| `%s` | %s | %s |'):format(option[1],
        default and '`' .. default .. '`' or '', cell(option.help)))
    end
    out ''
  end
  out 'Every other option is a field of the job.'
end

--- @param template string the page with its @parts@
function M.text(model, template)
  return (template:gsub('([^\n]*)\n', function(line)
    local name = line:match('^@(%w+)@$')
    if not name then return nil end
    local lines = {}
    assert(parts[name], name)(function(text) lines[#lines + 1] = text end, model)
    return table.concat(lines, '\n') .. '\n'
  end))
end

return M
