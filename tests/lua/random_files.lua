--- Job files that nobody would write: constructors of the schema with fields
--- that fit, fields that do not, and names that are not there. Equal seeds make
--- equal files.

local M = {}

local TEXTS = {
  '"a"', '"http"', '"health"', '""', '"a/b"', '"* * * * *"', '"R//P1D"',
  '"UTC"', '"x {{thermos.ports[http]}}"', '"{{bad}}"', '"!a,b"', '"limit:2"',
  '"\\0"', '"\\255"', '"prod"', '"/p"', '"http://x/y"', '"c/r/test/n"', '"r/x"',
}
local NUMBERS = {
  '-1', '0', '1', '70000', '1.5', '0.1', '1e300', '-1e300', '0/0', '1 << 62',
  'math.mininteger',
}
local OTHERS = {
  'true', 'false', 'nil', 'unset', 'DisableLifecycle', 'secret("x")',
  'raw "{{x}}"', 'function(h) return h end', 'tostring', 'Job', 'limit(2)',
  'unique()', 'like("a[")', 'like("a")', 'one_of("a", "b")', 'group_by()',
  'order("a", "b")', 'Env { A = "1", B = secret("y") }', 'dedicated("r/x")',
  'cluster_on(5)', '{}', '{ a = 1 }', '{ { key = "a", value = "b" } }', '{ 1, {} }',
}
local MAPS = {
  '{ a = "b" }', '{ http = "x", x = 5 }', '{ dedicated = "r/x" }',
  '{ { key = "a", value = "b" } }',
}

local function pick(list) return list[math.random(#list)] end

local function as_list(value)
  return type(value) == 'table' and value or { value }
end

local Writer = {}
Writer.__index = Writer

function Writer:anything(depth)
  local kind = math.random(8)
  if kind <= 3 then return pick(TEXTS) end
  if kind <= 5 then return pick(NUMBERS) end
  if kind <= 7 or depth == 0 then return pick(OTHERS) end
  return self:call(pick(self.constructors), depth - 1)
end

-- A call that makes one of the objects.
function Writer:object(names, depth)
  local name = pick(names)
  for _, row in ipairs(self.constructors) do
    if row[2] == name and depth > 0 then return self:call(row, depth - 1) end
  end
  return self:anything(0)
end

local FITS = {
  string = function() return pick(TEXTS) end,
  template = function() return pick(TEXTS) end,
  mebibytes = function() return '5*MB' end,
  boolean = function() return pick { 'true', 'false' } end,
  map = function() return pick(MAPS) end,
  ['function'] = function() return 'function() return true end' end,
  object = function(self, field, depth)
    return self:object(as_list(field.of), depth)
  end,
  list = function(self, field, depth)
    if field.of == 'integer' then return '{ 1, 2 }' end
    if field.of == 'string' then return '{ ' .. pick(TEXTS) .. ' }' end
    return ('{ %s, %s }'):format(self:object(as_list(field.of), depth),
      self:object(as_list(field.of), depth))
  end,
}

function Writer:fitting(field, depth)
  if field.choices then return '"' .. pick(field.choices) .. '"' end
  if FITS[field[2]] then return FITS[field[2]](self, field, depth) end
  return tostring(math.max(field.min or 0, math.random(0, 100)))
end

--- "Task { name = ..., ... }" for a row of the constructors.
function Writer:call(row, depth)
  local fields = {}
  for _, field in ipairs(self.objects[row[2]]) do
    local chance = field.required and 0.97 or 0.25
    if field[2] ~= 'tag' and math.random() < chance then
      local names = { field[1], table.unpack(as_list(field.alias)) }
      local value = math.random() < 0.85 and self:fitting(field, depth)
        or self:anything(depth)
      fields[#fields + 1] = pick(names) .. ' = ' .. value
    end
  end
  if math.random() < 0.05 then fields[#fields + 1] = 'bogus = 1' end
  local copy = math.random() < 0.1 and ' { name = "z" }' or ''
  return ('%s { %s }%s'):format(row[1], table.concat(fields, ', '), copy)
end

-- A good job with one field of its own.
function Writer:job(number, depth)
  local field = pick(self.objects.Job)
  return ([[Job { cluster = "c", role = "r", environment = "test", name = "n%d",
    task = SimpleTask("t", "x {{thermos.ports[http]}}") } { %s = %s }]])
    :format(number, field[1], self:fitting(field, depth))
end

--- A file of `size` times three values; the schema is what gen.model loads.
function M.write(model, seed, size)
  local writer = setmetatable({ objects = model.by_name,
    constructors = model.language.constructors }, Writer)
  local lines, depth = { 'local jobs = {}' }, 4
  local function add(text)
    lines[#lines + 1] = ('pcall(function() %s end)'):format(text)
  end
  math.randomseed(seed)
  for i = 1, size do
    add('local v = ' .. writer:call(pick(writer.constructors), depth)
      .. ' tostring(v) for k in pairs(v) do local _ = v[k] end')
    add('jobs[#jobs + 1] = ' .. writer:object({ 'Job', 'Group', 'Quota' }, depth))
    add('jobs[#jobs + 1] = ' .. writer:job(i, depth))
  end
  add('Tasks.combine(table.unpack(jobs))')
  lines[#lines + 1] = 'return jobs'
  return table.concat(lines, '\n')
end

return M
