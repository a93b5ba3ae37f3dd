-- lua5.4 lua/reference.lua DIR: the fields of the job language as the text of
-- docs/job-reference.md, from the schema under DIR. After a change of the
-- schema: lua5.4 lua/reference.lua lua/stdlib > docs/job-reference.md

local dir = assert(arg[1], 'usage: reference.lua DIR')

-- In the order in which a reader meets them.
local ORDER = {
  'job', 'task', 'simple_task', 'process', 'resources', 'constraint', 'fetch',
  'host_constraint', 'logger', 'rotate', 'env', 'metadata',
}

local function load_schema(name)
  return assert(loadfile(('%s/schema/%s.lua'):format(dir, name)))()
end

local TYPES = {
  string = 'text', template = 'text with {{...}}', boolean = 'true or false',
  integer = 'integer', milli = 'number', mebibytes = 'bytes',
}

local RULES = {
  attribute = 'no control characters',
  environment = 'prod, devel, test, or staging and digits',
  file_name = "no '/', no '.' first",
  identifier = "letters, digits, '_', '.', '-'; at most 63",
  literal = "no '{{'",
  sha256 = '64 hexadecimal digits',
  uri = 'a path below the folder, http://, https://, file:///',
  variable = "letters, digits, '_'",
}

local function type_text(field)
  if field[2] == 'object' then return field.of end
  if field[2] == 'list' then
    return 'list of ' .. (field.of == 'string' and 'names' or field.of)
  end
  if field[2] == 'map' then return 'table of ' .. field.of end
  return TYPES[field[2]]
end

-- 1 << 20 reads better than 1048576.
local function number(value)
  for _, step in ipairs { { 40, 'TB' }, { 30, 'GB' }, { 20, 'MB' } } do
    local power, unit = step[1], step[2]
    local size = 1 << power
    if value >= size and value % size == 0 and value // size < 1024 then
      return ('%d*%s'):format(value // size, unit)
    end
  end
  return ('%d'):format(value)
end

local function range(field)
  local min, max = field.min, field.max
  local kind = field[2]
  if field.choices then return table.concat(field.choices, ', ') end
  if field.rule and kind == 'string' then return RULES[field.rule] end
  if kind == 'milli' then return ('at least %g'):format(min / 1000) end
  if kind ~= 'integer' and kind ~= 'mebibytes' then return '' end
  if min and max then return number(min) .. ' to ' .. number(max) end
  return min and 'at least ' .. number(min) or ''
end

local function default(field)
  if field.required then return 'required' end
  if field.default == nil then return '' end
  if math.type(field.default) == 'integer' then return number(field.default) end
  return tostring(field.default)
end

local function print_object(object)
  print(('\n## %s\n\n%s.\n'):format(object.name,
    object.help:sub(1, 1):upper() .. object.help:sub(2)))
  print('| field | type | default | range | meaning |')
  print('| --- | --- | --- | --- | --- |')
  local refused = {}
  for _, field in ipairs(object) do
    if field[2] == 'refused' then
      refused[#refused + 1] = '`' .. field[1] .. '`'
    else
      local name = '`' .. field[1] .. '`'
      if field.alias then name = name .. ', `' .. field.alias .. '`' end
      print(('| %s | %s | %s | %s | %s |'):format(name, type_text(field),
        default(field), range(field), field.help))
    end
  end
  if #refused > 0 then
    print('\nUnderstood, but refused by this release: '
      .. table.concat(refused, ', ') .. '.')
  end
end

print [[
# The objects of the job language

Written by `lua/reference.lua` from `lua/stdlib/schema`; a test compares them.
`clusterctl check FILE` tells every mistake of a job file with its line.

A constructor takes one table: `Process { name = "a", cmdline = "true" }`. Its
value cannot be changed; calling it makes a copy with changes: `p { name = "b" }`.
`Service` is a `Job` with `service = true`; `SequentialTask` is a `Task` whose
processes run in the order of their list. Sizes are bytes (`KB`, `MB`, `GB`,
`TB`), times are seconds (`secs`, `mins`, `hours`, `days`).]]
for _, name in ipairs(ORDER) do print_object(load_schema(name)) end

local language = load_schema 'language'
local names = {}
for i, name in ipairs(language.refused) do names[i] = '`' .. name .. '`' end
print('\n## Names that are refused\n')
print('Understood, but not offered by this release:\n'
  .. table.concat(names, ', ') .. '.')
