--- Annotations for editors that know LuaLS: completion, hover and checks of
--- job files. They hold no code; nothing loads them.

local model_of = require 'gen.model'
local words = require 'gen.words'

local M = {}

local HEAD = [[
---@meta _
-- Written by lua/generate.lua from lua/stdlib/schema. For editors only:
-- docs/job-language.md says how an editor finds it.]]

local PLAIN = {
  string = 'string', template = 'string|Raw', boolean = 'boolean',
  integer = 'integer', milli = 'number', mebibytes = 'integer',
}

-- Aurora's spelling of host constraints; what hides a variable.
local ALSO = { HostConstraint = { 'string' }, EnvVar = { 'Secret' } }
-- What may stand for a whole map: pairs as Aurora writes them.
local ALSO_MAP = { Metadata = '|(Metadata|Metadata.Table)[]' }

local FUNCTIONS = {
  place = 'fun(host: Host): boolean', rank = 'fun(host: Host): integer',
  lua = 'fun(ctx: HealthContext): boolean, string?',
  script = 'fun(event: table): table[]',
}

local function choices_type(choices)
  local out = {}
  for i, choice in ipairs(choices) do out[i] = ('"%s"'):format(choice) end
  return table.concat(out, '|')
end

local function plain_type(field)
  if field.choices then return choices_type(field.choices) end
  if field[2] == 'function' then return (assert(FUNCTIONS[field[1]], field[1])) end
  return (assert(PLAIN[field[2]], field[2]))
end

-- Which types stand for an object in a field: its values, a plain table where
-- that is taken, and what alone stands for it.
local function object_types(model, field)
  local seen, list = {}, {}
  local function add(text)
    if text:find('^fun') then text = '(' .. text .. ')' end
    if not seen[text] then list[#list + 1] = text end
    seen[text] = true
  end
  for _, name in ipairs(model_of.objects_of(field)) do
    local object = assert(model.by_name[name], name)
    add(name)
    if field.plain and not object.file then add(name .. '.Table') end
    for _, also in ipairs(ALSO[name] or {}) do add(also) end
    if object.value then add 'string' end
    for _, one in ipairs(model_of.alone(object)) do
      local inner = model_of.objects_of(one)
      if #inner == 0 then add(plain_type(one)) end
      for _, value in ipairs(inner) do add(value) end
    end
  end
  return list
end

local function list_type(field, element, is_union)
  local list = (is_union and '(' .. element .. ')' or element) .. '[]'
  return field.one and element .. '|' .. list or list
end

local function type_of(model, object, field)
  if field[2] == 'into' then
    field = model_of.target(model, object, field)
  end
  local objects = object_types(model, field)
  local element = table.concat(objects, '|')
  if field[2] == 'map' then
    return ('table<string, %s>%s'):format(element, ALSO_MAP[field.of] or '')
  end
  if field[2] == 'list' and #objects > 0 then
    return list_type(field, element, #objects > 1)
  end
  if #objects > 0 then return element end
  if field[2] ~= 'list' then return plain_type(field) end
  if field.choices then
    return list_type(field, choices_type(field.choices), true)
  end
  if model_of.plain_of(field) == 'integer' then return 'integer[]' end
  return field.rule == 'file_name' and '(string|Process)[]'
    or list_type(field, 'string', false)
end

local function phrase(model, object, field)
  if field[2] ~= 'into' then return words.phrase(field) end
  return words.phrase(model_of.target(model, object, field))
end

local function field_line(model, object, field, name, mark)
  return ('---@field %s%s %s # %s (%s)'):format(name, mark,
    type_of(model, object, field), field.help, phrase(model, object, field))
end

-- Three classes of an object: the changes of a copy, what its constructor
-- takes, and the value that is read.
local function add_object(model, object, out)
  local held = model_of.split(object)
  out(('\n--- %s'):format(words.sentence(object.help)))
  out(('---@class %s.Changes'):format(object.name))
  for _, field in ipairs(held) do
    out(field_line(model, object, field, field[1], '?'))
    for _, alias in ipairs(model_of.aliases(field)) do
      out(field_line(model, object, field, alias, '?'))
    end
  end
  out(('\n---@class %s.Table: %s.Changes'):format(object.name, object.name))
  for _, field in ipairs(held) do
    if field.required and not field.alias then
      out(field_line(model, object, field, field[1], ''))
    end
  end
  out(('\n---@class %s: %s.Changes'):format(object.name, object.name))
  out(('---@operator call(%s.Changes): %s'):format(object.name, object.name))
end

--- The text of lua/stdlib/meta/objects.lua.
function M.objects(model)
  local lines = { HEAD }
  local function out(line) lines[#lines + 1] = line end
  for _, object in ipairs(model.objects) do add_object(model, object, out) end
  return table.concat(lines, '\n') .. '\n'
end

-- What an operator's file assigns is a table of the object's fields.
local function file_type(model, object, field)
  local objects = object_types(model, field)
  local element = table.concat(objects, '|')
  if field.lists then element = element .. '|(' .. element .. ')[]' end
  if field[2] == 'map' then return ('table<string, %s>'):format(element) end
  if field[2] == 'list' and #objects > 0 then
    return list_type(field, element, #objects > 1)
  end
  if field.rule == 'size' then return 'integer|string' end
  return #objects > 0 and element or type_of(model, object, field)
end

local function add_file(model, object, out)
  out(('\n--- %s'):format(words.sentence(object.help)))
  out(('---@class %s'):format(object.name))
  for _, field in ipairs((model_of.split(object))) do
    out(('---@field %s%s %s # %s (%s)'):format(field[1], field.required and '' or '?',
      file_type(model, object, field), field.help, words.phrase(field)))
  end
end

-- The names that the files assign; one that stands in two has either's type.
local function add_assigned(model, out)
  local kinds, names = {}, {}
  for _, object in ipairs(model.files) do
    for _, field in ipairs(object) do
      if object.name:find('File$') then
        if not kinds[field[1]] then names[#names + 1] = field[1] end
        kinds[field[1]] = kinds[field[1]] or {}
        table.insert(kinds[field[1]], file_type(model, object, field))
      end
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    out('\n---@type ' .. table.concat(kinds[name], '|'))
    out(name .. ' = nil')
  end
end

--- The text of lua/stdlib/meta/files.lua: security.lua and roles.lua.
function M.files(model)
  local lines = { HEAD }
  local function out(line) lines[#lines + 1] = line end
  for _, object in ipairs(model.files) do add_file(model, object, out) end
  add_assigned(model, out)
  out '\n--- A variable of the environment, or nil.\n---@param name string\n---@return string?'
  out 'function env(name) end'
  out '\n--- The machine that the file is read on.'
  out '---@type { hostname: string, cpus: integer, mem_mb: integer }\nhost = nil'
  return table.concat(lines, '\n') .. '\n'
end

-- Tasks, http: the tables that functions stand in.
local function add_tables(calls, out)
  local seen = {}
  for _, call in ipairs(calls) do
    local within = call.name:match('^(.*)%.')
    if within and not seen[within] then out('\n' .. within .. ' = {}') end
    seen[within or ''] = true
  end
end

local function add_call(call, out)
  out('\n--- ' .. words.sentence(call.help))
  if call.example then
    out('---\n--- ```lua\n--- ' .. call.example .. '\n--- ```')
  end
  local names = {}
  for i, parameter in ipairs(call.params or {}) do
    names[i] = parameter[1]:gsub('%?$', '')
    out(('---@param %s %s # %s'):format(parameter[1], parameter[2],
      parameter[3]))
  end
  if call.takes then
    names = { 'fields' }
    out(('---@param fields %s.Table'):format(call.takes))
  end
  for _, made in ipairs(call.returns or { call.makes }) do
    out('---@return ' .. made)
  end
  out(('function %s(%s) end'):format(call.name, table.concat(names, ', ')))
end

-- The example of an object as the lines of a comment.
local function comment(text)
  local lines = text:gsub('\n', '\n--- '):gsub(' +\n', '\n')
  return '---\n--- ```lua\n--- ' .. lines .. '\n--- ```'
end

local function add_constructor(model, row, out)
  local object = model.by_name[row[2]]
  local example = model_of.example(object)
  out('\n--- ' .. words.sentence(row.help or object.help))
  if example and row[1] == row[2] then out(comment(example)) end
  out(('---@param fields %s.Table'):format(row[2]))
  out(('---@return %s'):format(row[2]))
  out(('function %s(fields) end'):format(row[1]))
end

--- The text of lua/stdlib/meta/names.lua: what a job file may call.
function M.names(model)
  local lines = { HEAD }
  local function out(line) lines[#lines + 1] = line end
  for _, row in ipairs(model.language.constructors) do
    add_constructor(model, row, out)
  end
  for _, calls in ipairs { model.functions, model.tools } do
    add_tables(calls, out)
    for _, call in ipairs(calls) do add_call(call, out) end
  end
  for _, unit in ipairs(model.units) do
    out(('\n--- %s'):format(words.sentence(unit[2])))
    out('---@type ' .. (unit[3] or 'integer'))
    out(unit[1] .. ' = nil')
  end
  return table.concat(lines, '\n') .. '\n'
end

--- The text of lua/stdlib/meta/types.lua: what functions take and are given.
function M.types(model)
  local lines = { HEAD }
  for _, class in ipairs(model.types) do
    lines[#lines + 1] = '\n--- ' .. words.sentence(class.help)
    lines[#lines + 1] = '---@class ' .. class.name
    for _, field in ipairs(class) do
      lines[#lines + 1] = ('---@field %s %s # %s'):format(field[1], field[2],
        field[3])
    end
  end
  return table.concat(lines, '\n') .. '\n'
end

local function option_type(option)
  if option.type then return option.type end
  local default = option.default
  return default == nil and 'any' or math.type(default) or type(default)
end

--- The text of lua/stdlib/meta/templates/NAME.lua: what a template takes.
function M.template(template)
  local class = ('templates.%s.Options'):format(template.name)
  local lines = {
    (HEAD:gsub('^%-%-%-@meta _', '---@meta templates.' .. template.name)),
    '',
    ('---@class %s: Job.Changes'):format(class),
  }
  for _, option in ipairs(template) do
    local default = words.default { option[1], default = option.default }
    lines[#lines + 1] = ('---@field %s? %s # %s%s'):format(option[1],
      option_type(option), option.help,
      default and ' (default ' .. default .. ')' or '')
  end
  lines[#lines + 1] = '\n--- ' .. words.sentence(template.help)
  lines[#lines + 1] = comment(template.example)
  lines[#lines + 1] = ('---@param options %s'):format(class)
  lines[#lines + 1] = '---@return ' .. (template.makes or 'Job')
  lines[#lines + 1] = 'return function(options) end'
  return table.concat(lines, '\n') .. '\n'
end

return M
