--- What `clusterctl help object NAME` prints, as the tables of
--- src/script/help.h.

local model_of = require 'gen.model'
local words = require 'gen.words'

local M = {}

local WIDTH, COLUMN_MAX = 80, 24

-- A name in a column, what it is and what it means beside it.
local function add_field(out, name, phrase, help, column)
  local texts = {}
  -- A rule that says it all needs no help.
  local parts = { phrase, not phrase:find(help, 1, true) and help or nil }
  for _, text in ipairs(parts) do
    for _, line in ipairs(words.wrap(text, WIDTH - column)) do
      texts[#texts + 1] = line
    end
  end
  local pad = (' '):rep(column)
  for i, line in ipairs(texts) do
    local left = i == 1 and '  ' .. name or ''
    out(left .. pad:sub(#left + 1) .. line)
  end
end

local function add_wrapped(out, text, indent)
  for _, line in ipairs(words.wrap(text, WIDTH - #indent)) do
    out(indent .. line)
  end
end

local function indented(text)
  return '  ' .. text:gsub('\n([^\n])', '\n  %1')
end

--- The page of an object.
function M.object(model, object)
  local lines = {}
  local function out(line) lines[#lines + 1] = line end
  local held, refused = model_of.split(object)
  local makers = model.made_by[object.name] or {}
  add_wrapped(out, object.name .. ': ' .. object.help, '')
  if #makers > 1 or makers[1] ~= object.name and makers[1] then
    add_wrapped(out, 'Made by: ' .. table.concat(makers, ', '), '')
  end
  local alone = words.alone(object)
  if alone then add_wrapped(out, alone, '') end
  local example = model_of.example(object)
  if example then out('\n' .. indented(example)) end
  out ''
  local column = 6
  for _, field in ipairs(held) do column = math.max(column, #field[1] + 4) end
  for _, field in ipairs(held) do
    local said = field
    if field[2] == 'into' then said = model_of.target(model, object, field) end
    add_field(out, field[1], words.phrase(said), field.help, column)
  end
  if #refused > 0 then out '\nRefused:' end
  for _, field in ipairs(refused) do
    add_wrapped(out, field[1] .. ': ' .. field.help, '  ')
  end
  return table.concat(lines, '\n') .. '\n'
end

--- The page of a function.
function M.call(call)
  local lines = {}
  local function out(line) lines[#lines + 1] = line end
  local names = {}
  for i, parameter in ipairs(call.params or {}) do names[i] = parameter[1] end
  local shape = call.takes and call.name .. ' { ... }'
    or ('%s(%s)'):format(call.name, table.concat(names, ', '))
  add_wrapped(out, shape .. ': ' .. call.help, '')
  if call.example then out('\n' .. indented(call.example)) end
  if call.params and #call.params > 0 then out '' end
  for _, parameter in ipairs(call.params or {}) do
    add_field(out, parameter[1], parameter[2], parameter[3], 14)
  end
  return table.concat(lines, '\n') .. '\n'
end

-- Names beside their meaning; a long name stands on a line of its own.
local function add_list(out, title, rows)
  local column = 4
  for _, row in ipairs(rows) do column = math.max(column, #row[1] + 4) end
  column = math.min(column, COLUMN_MAX)
  out('\n' .. title)
  for _, row in ipairs(rows) do
    local left = '  ' .. row[1]
    if #left + 2 > column then
      out(left)
      left = ''
    end
    for _, line in ipairs(words.wrap(row[2], WIDTH - column)) do
      out(left .. (' '):rep(column - #left) .. line)
      left = ''
    end
  end
end

--- The page without a name: everything there is.
function M.index(model)
  local lines = { 'The job language. `clusterctl help object NAME` tells more.' }
  local function out(line) lines[#lines + 1] = line end
  local objects, calls, units = {}, {}, {}
  for i, object in ipairs(model.objects) do
    objects[i] = { object.name, object.help }
  end
  for _, call in ipairs(model.functions) do
    if not call.takes then calls[#calls + 1] = { call.name, call.help } end
  end
  local tools = {}
  for i, unit in ipairs(model.units) do units[i] = unit end
  for i, tool in ipairs(model.tools) do tools[i] = { tool.name, tool.help } end
  local templates = {}
  for i, template in ipairs(model.templates) do
    templates[i] = { 'templates.' .. template.name, template.help }
  end
  add_list(out, 'Objects', objects)
  add_list(out, 'Functions', calls)
  add_list(out, 'In a health function', tools)
  add_list(out, 'Units', units)
  add_list(out, 'Templates, for require', templates)
  local files = {}
  for i, object in ipairs(model.files) do
    files[i] = { object.name, ('%s: %s'):format(object.file, object.help) }
  end
  add_list(out, "Operators' files", files)
  return table.concat(lines, '\n') .. '\n'
end

--- The page of a template.
function M.template(template)
  local lines = {}
  local function out(line) lines[#lines + 1] = line end
  add_wrapped(out, ('templates.%s: %s'):format(template.name, template.help), '')
  out('\n' .. indented(template.example) .. '\n')
  local column = 6
  for _, option in ipairs(template) do
    column = math.max(column, #option[1] + 4)
  end
  for _, option in ipairs(template) do
    local default = words.default { option[1], default = option.default }
    add_field(out, option[1], option.help,
      default and 'default ' .. default or option.help, column)
  end
  out '\nEvery other option is a field of the job.'
  return table.concat(lines, '\n') .. '\n'
end

-- Every function and tool, each a page of its own.
local function pages_of_calls(model, add)
  for _, call in ipairs(model.functions) do
    add(call.name, call.takes and M.object(model, model.by_name[call.takes])
      or M.call(call))
  end
  for _, tool in ipairs(model.tools) do add(tool.name, M.call(tool)) end
  for _, unit in ipairs(model.units) do
    add(unit[1], ('%s: %s\n'):format(unit[1], unit[2]))
  end
  for _, template in ipairs(model.templates) do
    add('templates.' .. template.name, M.template(template))
  end
end

local function quoted(text)
  return '"' .. text:gsub('[\\"]', '\\%0'):gsub('\n', '\\n"\n"') .. '"'
end

--- The text of build/gen/help.c.
function M.source(model)
  local lines = {
    '#include "script/help.h"',
    'const char HELP_INDEX[] =\n' .. quoted(M.index(model)) .. ';',
    'const struct help_page HELP[] = {',
  }
  local done = {}
  local function add(name, text)
    if done[name] then return end
    done[name] = true
    lines[#lines + 1] = ('{"%s",\n%s},'):format(name, quoted(text))
  end
  for _, object in ipairs(model.objects) do
    add(object.name, M.object(model, object))
  end
  for _, object in ipairs(model.files) do
    add(object.name, M.object(model, object))
  end
  for _, row in ipairs(model.language.constructors) do
    add(row[1], M.object(model, model.by_name[row[2]]))
  end
  pages_of_calls(model, add)
  lines[#lines + 1] = '{0, 0}};'
  return table.concat(lines, '\n') .. '\n'
end

return M
