-- lua5.4 lua/embed.lua DIR: write the modules under DIR as C (src/script/
-- stdlib.h) to standard output. Modules keep their line numbers, for errors.
-- The release hash is over the text, so that two builds of one source are one
-- release whatever the bytecode looks like.

-- SHA-256, FIPS 180-4.
local K = { string.unpack('>' .. ('I4'):rep(64), (([[
  428a2f98 71374491 b5c0fbcf e9b5dba5 3956c25b 59f111f1 923f82a4 ab1c5ed5
  d807aa98 12835b01 243185be 550c7dc3 72be5d74 80deb1fe 9bdc06a7 c19bf174
  e49b69c1 efbe4786 0fc19dc6 240ca1cc 2de92c6f 4a7484aa 5cb0a9dc 76f988da
  983e5152 a831c66d b00327c8 bf597fc7 c6e00bf3 d5a79147 06ca6351 14292967
  27b70a85 2e1b2138 4d2c6dfc 53380d13 650a7354 766a0abb 81c2c92e 92722c85
  a2bfe8a1 a81a664b c24b8b70 c76c51a3 d192e819 d6990624 f40e3585 106aa070
  19a4c116 1e376c08 2748774c 34b0bcb5 391c0cb3 4ed8aa4a 5b9cca4f 682e6ff3
  748f82ee 78a5636f 84c87814 8cc70208 90befffa a4506ceb bef9a3f7 c67178f2
]]):gsub('%s+', ''):gsub('%x%x', function(hex)
  return string.char(tonumber(hex, 16))
end))) }
local START = {
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

local function rotate(x, n)
  return ((x >> n) | (x << (32 - n))) & 0xffffffff
end

local function schedule(text, at)
  local w = { string.unpack('>' .. ('I4'):rep(16), text, at) }
  for i = 17, 64 do
    local a, b = w[i - 15], w[i - 2]
    local s0 = rotate(a, 7) ~ rotate(a, 18) ~ (a >> 3)
    local s1 = rotate(b, 17) ~ rotate(b, 19) ~ (b >> 10)
    w[i] = (w[i - 16] + s0 + w[i - 7] + s1) & 0xffffffff
  end
  return w
end

local function compress(state, w)
  local a, b, c, d, e, f, g, h = table.unpack(state)
  for i = 1, 64 do
    local s1 = rotate(e, 6) ~ rotate(e, 11) ~ rotate(e, 25)
    local t1 = h + s1 + ((e & f) ~ (~e & g)) + K[i] + w[i]
    local s0 = rotate(a, 2) ~ rotate(a, 13) ~ rotate(a, 22)
    local t2 = s0 + ((a & b) ~ (a & c) ~ (b & c))
    h, g, f, e = g, f, e, (d + t1) & 0xffffffff
    d, c, b, a = c, b, a, (t1 + t2) & 0xffffffff
  end
  for i, v in ipairs { a, b, c, d, e, f, g, h } do
    state[i] = (state[i] + v) & 0xffffffff
  end
end

local function sha256(text)
  local state = { table.unpack(START) }
  text = text .. '\x80' .. ('\0'):rep((55 - #text) % 64)
    .. string.pack('>I8', #text * 8)
  for at = 1, #text, 64 do compress(state, schedule(text, at)) end
  return (('%08x'):rep(8)):format(table.unpack(state))
end

assert(sha256('abc') == 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9c'
  .. 'b410ff61f20015ad', 'sha256 is wrong')

-- What is made from the schema for editors and luacheck is no module.
local function is_module(path)
  return not path:match('^meta/') and not path:match('^luacheck')
end

local function modules(dir)
  local list = {}
  local find = io.popen(("cd '%s' && find . -name '*.lua'"):format(dir))
  for path in find:lines() do
    path = path:sub(3)
    if not is_module(path) then goto continue end
    local file = assert(io.open(dir .. '/' .. path, 'rb'))
    local text = file:read('a')
    file:close()
    local name = path:gsub('%.lua$', ''):gsub('/', '.')
    list[#list + 1] = { path = path, name = name, text = text }
    ::continue::
  end
  assert(find:close())
  table.sort(list, function(a, b) return a.path < b.path end)
  return list
end

local function as_c(bytes)
  local out = {}
  for at = 1, #bytes, 16 do
    local row = { bytes:byte(at, at + 15) }
    out[#out + 1] = table.concat(row, ',') .. ','
  end
  return table.concat(out, '\n')
end


-- The schema, as the tables of src/script/schema.h. ---------------------------

local function text(value)
  if value == nil then return '0' end
  return (('%q'):format(value):gsub('\\\n', '\\n'))
end

local function choices(list)
  if not list then return '0' end
  local out = {}
  for i, choice in ipairs(list) do out[i] = text(choice) .. ',' end
  return '(const char *const[]){' .. table.concat(out) .. '0}'
end

local function initial(value, kind)
  if value == nil then return 'DEFAULT_NONE,0,0' end
  if type(value) == 'string' then
    return ('DEFAULT_TEXT,%s,0'):format(text(value))
  end
  if type(value) == 'boolean' then value = value and 1 or 0 end
  if kind == 'milli' then value = value * 1000 end
  return ('DEFAULT_NUMBER,0,%d'):format(value // 1)
end

-- The limits of a field; a milli field's are written in whole units.
local function limits(field)
  local min, max = field.min or 0, field.max or math.maxinteger
  if field[2] == 'milli' then min, max = min * 1000 // 1, max * 1000 // 1 end
  return min, max
end

-- What a field may hold: the objects, and what a list's elements are.
local PLAIN = { string = 'FIELD_STRING', integer = 'FIELD_INTEGER' }

local function held(field, index)
  local of = field.of
  if of == nil or PLAIN[of] then
    return '0,0,' .. (PLAIN[of] or 'FIELD_STRING')
  end
  local names, rows = type(of) == 'table' and of or { of }, {}
  for i, name in ipairs(names) do
    rows[i] = '&SCHEMA[' .. assert(index[name], name) .. ']'
  end
  if #rows == 1 then return rows[1] .. ',0,FIELD_OBJECT' end
  return ('%s,(const struct schema_object *const[]){%s,0},FIELD_OBJECT')
    :format(rows[1], table.concat(rows, ','))
end

local function aliases(field)
  local list = field.alias
  if type(list) == 'string' then list = { list } end
  return choices(list)
end

local function flags(field)
  local out = {}
  for _, name in ipairs { 'required', 'one', 'always', 'alone', 'plain', 'quiet',
    'moves', 'lists', 'secret' } do
    if field[name] then out[#out + 1] = 'IS_' .. name:upper() end
  end
  return #out > 0 and table.concat(out, '|') or '0'
end

local function field_row(field, index)
  local min, max = limits(field)
  local default = field.default
  if field[2] == 'tag' then default = field.value end
  local into = field.into or {}
  return ('{%s,%s,%s,%s,FIELD_%s,RULE_%s,%s,%s,%d,%d,%d,%d,%s,%s,%s,%s},')
    :format(text(field[1]), aliases(field), text(field.wire or field[1]),
      text(field.help), field[2]:upper(), (field.rule or 'none'):upper(),
      held(field, index), choices(field.choices), min, max,
      field.each_min or 1, field.each_max or 1024,
      initial(default, field[2]), text(into[1]), text(into[2]), flags(field))
end

-- How many fields hold something: the others stand last.
local NOT_STORED = { refused = true, into = true }

local function stored(object)
  local count = 0
  for i, field in ipairs(object) do
    if not NOT_STORED[field[2]] then
      assert(count == i - 1, object.name .. ': ' .. field[1]
        .. ' stands behind fields that hold nothing')
      count = i
    end
  end
  return count
end

-- AbcDef -> abc_def, as protoc-c names descriptors
local function snake(name)
  return (name:gsub('(%l)(%u)', '%1_%2'):lower())
end

-- Operators' files become no message.
local function descriptor(object)
  if object.file then return '0' end
  return ('&perigee__%s__descriptor'):format(snake(object.message))
end

local function print_objects(objects, index)
  print('extern const struct schema_object SCHEMA[];')
  for _, object in ipairs(objects) do
    print(('static const struct schema_field fields_%s[] = {'):format(
      object.name))
    for _, field in ipairs(object) do print(field_row(field, index)) end
    print('};')
  end
  print('const struct schema_object SCHEMA[] = {')
  for _, object in ipairs(objects) do
    print(('{%s,%s,%s,fields_%s,%d,%d,CHECK_%s,%s,%s},')
      :format(text(object.name), text(object.help), descriptor(object),
        object.name, #object, stored(object), (object.check or 'none'):upper(),
        text(object.key), text(object.value)))
  end
  print('{0}};')
end

local function print_names(language, index)
  print('const struct schema_constructor SCHEMA_CONSTRUCTORS[] = {')
  for _, row in ipairs(language.constructors) do
    print(('{%s,&SCHEMA[%d],%s},'):format(text(row[1]),
      assert(index[row[2]], row[2]), row.sequential and 'CONSTRUCT_SEQUENTIAL'
      or row.service and 'CONSTRUCT_SERVICE' or '0'))
  end
  print('{0}};\nconst struct schema_library SCHEMA_LIBRARY[] = {')
  local function print_library(within, rows)
    for _, row in ipairs(rows) do
      print(('{%s,%s,%s,%s},'):format(text(within), text(row[1]), text(row[2]),
        text(row[3])))
    end
  end
  print_library(nil, language.library)
  local names = {}
  for name in pairs(language.tables) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do print_library(name, language.tables[name]) end
  print('{0}};')
end

local function print_rules(rules)
  local names = {}
  for name in pairs(rules) do names[#names + 1] = name end
  table.sort(names)
  print('const char *const SCHEMA_RULE_TEXT[] = {')
  for _, name in ipairs(names) do
    print(('[RULE_%s] = %s,'):format(name:upper(), text(rules[name])))
  end
  print('};')
end

local function print_schema(list)
  local objects, index, language, rules = {}, {}, nil, nil
  for _, module in ipairs(list) do
    if module.name:match('^schema%.') then
      local value = assert(load(module.text, '@' .. module.path))()
      if module.name == 'schema.language' then
        language = value
      elseif module.name == 'schema.rules' then
        rules = value
      else
        objects[#objects + 1] = value
        index[value.name] = #objects - 1
      end
    end
  end
  print('#include "script/schema.h"\n#include "perigee/job.pb-c.h"')
  for _, object in ipairs(objects) do
    for _, field in ipairs(object) do
      assert(field.rule == nil or rules[field.rule], field.rule)
    end
  end
  print_rules(rules)
  print_objects(objects, index)
  print_names(assert(language, 'schema/language.lua'), index)
end

-- -----------------------------------------------------------------------------

local list = modules(assert(arg[1], 'usage: embed.lua DIR'))
local release, rows = {}, {}

print('#include "script/stdlib.h"')
for i, module in ipairs(list) do
  local chunk = assert(load(module.text, '=stdlib/' .. module.path, 't'))
  local code = string.dump(chunk)
  release[i] = ('%s %d\n%s'):format(module.path, #module.text, module.text)
  rows[i] = ('{"%s", code%d, %d},'):format(module.name, i, #code)
  print(('static const unsigned char code%d[] = {\n%s\n};'):format(i,
    as_c(code)))
end
print('const struct stdlib_module STDLIB[] = {')
print(table.concat(rows, '\n'))
print('{0, 0, 0}\n};') -- a row without a name ends the table
print(('const char STDLIB_HASH[] = "%s";'):format(
  sha256(table.concat(release))))
print_schema(list)
