--- Fields in words: what the manual, the help and the annotations say of a
--- type, a range, a default.

local model_of = require 'gen.model'

local M = {}

local RULES = assert(loadfile 'lua/stdlib/schema/rules.lua')()

local TYPES = {
  string = 'text', template = 'text with {{...}}', boolean = 'true or false',
  integer = 'integer', milli = 'number', mebibytes = 'bytes',
  ['function'] = 'function',
}

local function one_of(list)
  local out = {}
  for i, choice in ipairs(list) do out[i] = '"' .. choice .. '"' end
  return table.concat(out, ', ')
end

local ELEMENTS = { string = 'text', integer = 'integers' }

--- "integer", "list of Process", "DockerImage or AppcImage".
function M.type(field)
  local kind = field[2]
  local objects = table.concat(model_of.objects_of(field), ' or ')
  if kind == 'object' then return objects end
  if kind == 'list' then
    local plain = model_of.plain_of(field)
    return 'list of ' .. (plain and ELEMENTS[plain] or objects)
  end
  if field.lists then
    return ('table of names and %s, or lists of it'):format(objects)
  end
  if field.is_text_map then return 'table of names and texts' end
  if kind == 'map' then return 'table of names and ' .. objects end
  return (assert(TYPES[kind], kind))
end

--- 100*MB reads better than 104857600.
function M.number(value)
  for _, step in ipairs { { 40, 'TB' }, { 30, 'GB' }, { 20, 'MB' } } do
    local power, unit = step[1], step[2]
    local size = 1 << power
    if value >= size and value % size == 0 then
      return ('%d*%s'):format(value // size, unit)
    end
  end
  return ('%d'):format(value)
end

local function plain(value)
  return ('%.14g'):format(value)
end

local function span(field, show)
  local min, max = field.min, field.max
  if min and max then return show(min) .. ' to ' .. show(max) end
  if min then return 'at least ' .. show(min) end
  if max then return 'at most ' .. show(max) end
  return ''
end

local NUMBERS = { integer = M.number, mebibytes = M.number, milli = plain }

-- How many elements, and what each of them is.
local function list_range(field)
  local out = {}
  if field.choices then out[1] = one_of(field.choices) end
  if field.each_min or field.each_max then
    out[#out + 1] = 'each ' .. span({ min = field.each_min,
      max = field.each_max }, M.number)
  end
  if field.rule then out[#out + 1] = RULES[field.rule] end
  if field.max then out[#out + 1] = ('at most %d of them'):format(field.max) end
  return table.concat(out, '; ')
end

--- What a value must be besides its type, or "".
function M.range(field)
  if field[2] == 'list' then return list_range(field) end
  if field.choices then return one_of(field.choices) end
  local show = NUMBERS[field[2]]
  if show then
    local range = span(field, show)
    return field.rule == 'size' and range .. '; or a text like "4MB"' or range
  end
  if field[2] == 'map' then
    return field.max and ('at most %d of them'):format(field.max) or ''
  end
  if field.rule and field.rule ~= 'none' then
    return (assert(RULES[field.rule], field.rule))
  end
  if not field.max then return '' end
  local most = M.number(field.max)
  return 'at most ' .. most .. (most:find('*', 1, true) and '' or ' bytes')
end

--- The default as a job file would write it, or nil.
function M.default(field)
  local value = field.default
  if value == nil then return nil end
  if type(value) == 'string' then return '"' .. value .. '"' end
  if math.type(value) == 'integer' then
    return M.number(value)
  end
  return tostring(value)
end

--- "integer, 0 to 1000, default 1": all of it on one line.
function M.phrase(field)
  local out = { M.type(field) }
  local range, default = M.range(field), M.default(field)
  if range ~= '' then out[#out + 1] = range end
  if field.required then out[#out + 1] = 'required' end
  if default then out[#out + 1] = 'default ' .. default end
  if field.one then out[#out + 1] = 'or one alone' end
  for _, alias in ipairs(model_of.aliases(field)) do
    out[#out + 1] = 'also ' .. alias
  end
  return table.concat(out, '; ')
end

--- "uri" of Fetch: what a text alone stands for.
function M.alone(object)
  local names = {}
  for i, field in ipairs(model_of.alone(object)) do names[i] = field[1] end
  if #names == 0 then return nil end
  return ('The value of %s alone may stand for a %s.'):format(
    table.concat(names, ' or '), object.name)
end

--- First letter in upper case, full stop at the end.
function M.sentence(text)
  text = text:sub(1, 1):upper() .. text:sub(2)
  return text:match('[.:]$') and text or text .. '.'
end

--- Words of a text in lines of at most `width` bytes.
function M.wrap(text, width)
  local lines, line = {}, ''
  for word in text:gmatch('%S+') do
    if line == '' then
      line = word
    elseif #line + 1 + #word <= width then
      line = line .. ' ' .. word
    else
      lines[#lines + 1], line = line, word
    end
  end
  if line ~= '' then lines[#lines + 1] = line end
  return lines
end

return M
