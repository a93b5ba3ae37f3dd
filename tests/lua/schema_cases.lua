--- Cases from the schema: for each rule of each field, statements that must be
--- taken and statements that must be refused with a message. Each is one line.
local model_of = require 'gen.model'

local M = {}

-- A good text under each rule; `long` makes one of n bytes.
local GOOD = {
  absolute = '/a', attribute = 'a', cron = '0 3 * * *', email = 'a@example.org',
  endpoint = '/a', environment = 'test', file_name = 'a', identifier = 'a',
  job_key = 'c/r/test/j', literal = 'a', port = 'http', sha256 = ('0'):rep(64),
  timezone = 'UTC', uri = 'https://example.org/a', url = 'http://example.org/a',
  variable = 'A', word = 'a',
}

-- Bad texts under each rule.
local BAD = {
  absolute = { '', 'a' },
  attribute = { '', 'a\1' },
  cron = { '', '* * * *', '60 * * * *', '* * * * 7', '1 2 3 4 5', 'R0/2026-01-01T00:00:00Z/P1D' },
  email = { '', 'nobody' },
  endpoint = { '', 'a', '/a b' },
  environment = { '', 'production', 'stagingx', 'dev' },
  file_name = { '', '.a', 'a/b' },
  identifier = { '', 'a b', 'a/b', ('a'):rep(64) },
  job_key = { '', 'a/b/c', 'a/b/test/c/d' },
  literal = { '{{mesos.instance}}' },
  port = { '', 'a b', 'a/b' },
  sha256 = { '', 'abc', ('A'):rep(64) },
  timezone = { '', 'Mars/Base' },
  uri = { '', '../a', '/a', 'ftp://example.org/a', 'http://' },
  url = { '', 'example.org', 'ftp://example.org' },
  variable = { '', '1A', 'A-B' },
  word = { '', 'a b' },
}

-- What an object needs besides its required fields, by object.
local BESIDES = {
  Cron = { schedule = '"0 3 * * *"' },
  Notify = { url = '"http://example.org"' },
  Sla = { count = '1', duration_secs = '60' },
  Volume = { host_path = '"/a"' },
  Job = { name = '"j"' },
}

-- Of these at most one may be set.
local ONE_OF = {
  Cron = { 'schedule', 'after' },
  Notify = { 'url', 'email', 'script' },
  Sla = { 'count', 'percentage', 'coordinator_url' },
  HealthCheck = { 'http', 'tcp', 'shell', 'lua', 'health_checker' },
  HealthCheckerConfig = { 'http', 'shell' },
  Container = { 'docker', 'mesos', 'image' },
  Volume = { 'host_path', 'name' },
}

-- Fields whose values depend on others: what stands beside them.
local BESIDE_FIELD = {
  Canary = { max_failures = { instances = '3' } },
  Job = { cron_collision_policy = { cron_schedule = '"0 3 * * *"' } },
  Volume = { name = { size = '1*MB' }, size = { name = '"a"' } },
  Sla = {
    percentage = { duration_secs = '60' }, count = { duration_secs = '60' },
    status_key = { coordinator_url = '"http://example.org"' },
  },
}
-- What else must then go.
local NOT_BESIDE = {
  Volume = { size = { 'host_path' } },
  Sla = { coordinator_url = { 'duration_secs' }, status_key = { 'count', 'duration_secs' } },
}

local function quoted(text)
  return (('%q'):format(text):gsub('\\\n', '\\n'))
end

-- Text of n bytes that the rule takes, as an expression; nil where the rule has
-- a length of its own.
local function long_text(field, size)
  local prefix = { absolute = '/', endpoint = '/', uri = GOOD.uri, url = GOOD.url,
    email = 'a@' }
  local fixed = { environment = true, identifier = true, sha256 = true, cron = true,
    timezone = true, job_key = true, port = true }
  if fixed[field.rule] then return nil end
  local start = prefix[field.rule] or ''
  return ('%q .. ("a"):rep(%d)'):format(start, size - #start)
end

local Cases = {}
Cases.__index = Cases

-- { name = text } in a fixed order.
local function fields_text(fields)
  local names = {}
  for name in pairs(fields) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do names[i] = name .. ' = ' .. fields[name] end
  return table.concat(names, ', ')
end

local function good_text(field)
  if field.choices then return quoted(field.choices[1]) end
  return quoted(GOOD[field.rule or ''] or 'a')
end

--- A good text of a field, quoted.
function Cases.good_text(_, field)
  return good_text(field)
end

--- A good value of a field, as an expression. `i` is a variable of the
--- expression where several different ones are wanted.
function Cases:sample(field, i)
  local kind = field[2]
  local objects = model_of.objects_of(field)
  if kind == 'boolean' then return 'true' end
  if kind == 'integer' then return ('%d'):format(field.min or 1) end
  if kind == 'milli' then return ('%.14g'):format(math.max(field.min or 0, 1)) end
  if kind == 'mebibytes' then return '1*MB' end
  if kind == 'function' then return 'function() return true end' end
  if kind == 'template' then return '"true"' end
  if kind == 'list' then return '{ ' .. self:element(field, i) .. ' }' end
  if kind == 'map' then return '{ A = ' .. self:value(objects[1], i) .. ' }' end
  if kind == 'object' then return self:value(objects[1], i) end
  if i and (field[1] == 'name' or field[1] == 'key') then
    return '"a" .. ' .. i
  end
  return good_text(field)
end

-- An element of a list.
function Cases:element(field, i)
  local plain = model_of.plain_of(field)
  if plain == 'integer' then return '1' end
  if not plain then return self:value(model_of.objects_of(field)[1], i) end
  if field.choices then return quoted(field.choices[1]) end
  if i and not field.rule then return '"a" .. ' .. i end
  return quoted(GOOD[field.rule or ''] or 'a')
end

-- A good value of an object, by name.
function Cases:value(name, i)
  local object = self.model.by_name[name]
  if name == 'HostConstraint' then return 'limit(1)' end
  if object.value then return '"a"' end
  local maker = self.model.makers[name][1]
  if not maker then return self:sample(model_of.alone(object)[1], i) end
  return ('%s { %s }'):format(maker, fields_text(self:base(object, nil, i)))
end

--- Fields that make an object good, besides `but`.
function Cases:base(object, but, i)
  local fields = {}
  for _, field in ipairs(object) do
    if field.required and field[1] ~= but then
      fields[field[1]] = self:sample(field, i)
    end
  end
  for name, text in pairs(BESIDES[object.name] or {}) do
    if name ~= but then fields[name] = text end
  end
  for name, text in pairs((BESIDE_FIELD[object.name] or {})[but] or {}) do
    fields[name] = text
  end
  local is_one = false
  for _, name in ipairs(ONE_OF[object.name] or {}) do is_one = is_one or name == but end
  for _, name in ipairs(is_one and ONE_OF[object.name] or {}) do fields[name] = nil end
  for _, name in ipairs((NOT_BESIDE[object.name] or {})[but] or {}) do fields[name] = nil end
  return fields
end

-- The constructor's call with one field set to an expression.
function Cases:call(object, name, expression)
  local fields = self:base(object, name)
  fields[name] = expression
  return ('%s { %s }'):format(self.model.makers[object.name][1], fields_text(fields))
end

function Cases:add(object, field, what, text, refused)
  table.insert(self.list, { object = object.name, field = field[1], what = what,
    text = text, refused = refused })
end

--- The field takes the value, and reads it back where it is a plain one.
function Cases:takes(object, field, expression, what, is_plain)
  local call = self:call(object, field[1], expression)
  local text = '_ = ' .. call
  if is_plain then
    text = ('assert(%s.%s == (%s))'):format(call, field[1], expression)
  end
  self:add(object, field, what, text)
end

function Cases:refuses(object, field, expression, what, message)
  self:add(object, field, what, '_ = ' .. self:call(object, field[1], expression),
    message or ("'%s"):format(field[1]))
end

local function wrong_type(self, object, field)
  local wrong = {
    string = { '5', 'true', '{}' }, template = { '5', '{}' }, boolean = { '1', '"true"' },
    integer = { '"1"', '1.5', 'true' }, milli = { '"1"', '{}' }, mebibytes = { '"1"', '1.5' },
    object = { '5', 'true' }, list = { '5', '{ x = 1 }' }, map = { '5', '{ 5 }' },
    ['function'] = { '5', '"f"' },
  }
  for _, expression in ipairs(wrong[field[2]] or {}) do
    self:refuses(object, field, expression, 'another type: ' .. expression)
  end
end

local function bounds(self, object, field)
  local show = field[2] == 'milli' and '%.14g' or '%d'
  local step = field[2] == 'milli' and 0.001 or 1
  if field.min then
    self:takes(object, field, show:format(field.min), 'its minimum', true)
    self:refuses(object, field, show:format(field.min - step), 'less than its minimum')
  end
  if field.max then
    self:takes(object, field, show:format(field.max), 'its maximum', true)
    local over = field[2] == 'mebibytes' and 1 << 20 or step
    self:refuses(object, field, show:format(field.max + over), 'more than its maximum')
  end
end

-- The words of a rule; those of cron say what is wrong instead.
local RULES = assert(loadfile 'lua/stdlib/schema/rules.lua')()

local function wanted(rule)
  return rule ~= 'cron' and ': want ' .. RULES[rule] or nil
end

local function texts(self, object, field)
  for _, choice in ipairs(field.choices or {}) do
    self:takes(object, field, quoted(choice), 'a choice', true)
  end
  if field.choices then
    self:refuses(object, field, '"no such choice"', 'no choice')
    return
  end
  self:takes(object, field, good_text(field), 'a good text', true)
  for _, bad in ipairs(BAD[field.rule or ''] or {}) do
    self:refuses(object, field, quoted(bad), 'against ' .. field.rule, wanted(field.rule))
  end
  local long = field.max and long_text(field, field.max)
  if long and field.max <= 4096 then
    self:takes(object, field, long, 'its longest')
    self:refuses(object, field, long_text(field, field.max + 1), 'longer than its longest')
  end
  if field.min == 1 and not field.rule then self:refuses(object, field, '""', 'empty') end
end

--- Texts that the field's rule refuses.
function M.bad_texts(field)
  local bad = table.move(BAD[field.rule or ''] or {}, 1, #(BAD[field.rule or ''] or {}), 1, {})
  if field.choices then bad[#bad + 1] = 'no such choice' end
  return bad
end

-- n different elements, as an expression.
local function many(self, field, count)
  return ('(function() local t = {} for i = 1, %d do t[i] = %s end return t end)()')
    :format(count, self:element(field, 'i'))
end

local function lists(self, object, field)
  self:takes(object, field, self:sample(field), 'one element')
  if (field.min or 0) >= 1 then self:refuses(object, field, '{}', 'no element') end
  if field.max and field.max <= 1024 and not field.rule then
    self:refuses(object, field, many(self, field, field.max + 1), 'too many elements')
  end
  if field.each_min then
    self:refuses(object, field, ('{ %d }'):format(field.each_min - 1), 'an element too small')
    self:refuses(object, field, ('{ %d }'):format(field.each_max + 1), 'an element too large')
  end
  if model_of.plain_of(field) == 'string' then
    self:refuses(object, field, '{ 5 }', 'an element of another type')
  end
end

local function maps(self, object, field)
  self:takes(object, field, self:sample(field), 'one entry')
  for _, bad in ipairs(BAD[field.rule or ''] or {}) do
    self:refuses(object, field, ('{ [%q] = %s }'):format(bad,
      self:value(model_of.objects_of(field)[1])), 'a bad name')
  end
end

local function objects(self, object, field)
  for _, name in ipairs(model_of.objects_of(field)) do
    self:takes(object, field, self:value(name), 'a ' .. name)
  end
end

local BY_TYPE = {
  string = texts, integer = bounds, milli = bounds, mebibytes = bounds, list = lists,
  map = maps, object = objects,
}

local function add_field(self, object, field)
  local kind = field[2]
  wrong_type(self, object, field)
  if BY_TYPE[kind] then
    BY_TYPE[kind](self, object, field)
  else
    self:takes(object, field, self:sample(field), 'a good value')
  end
  if field.required then
    self:add(object, field, 'missing', ('_ = %s { %s }'):format(
      self.model.makers[object.name][1], fields_text(self:base(object, field[1]))),
      ("missing field '%s'"):format(field[1]))
  end
  if field.default ~= nil and not field.required then
    local default = field.default
    if type(default) == 'string' then default = quoted(default) end
    self:add(object, field, 'its default', ('assert((%s).%s == %s)'):format(
      self:value(object.name), field[1], default))
  end
  -- A name of two letters is too short to guess.
  local guess = #field[1] > 2 and ", did you mean '" or ''
  self:add(object, field, 'misspelt', '_ = ' .. self:call(object, field[1] .. 'q', 'true'),
    ("unknown field '%sq'%s"):format(field[1], guess))
  for _, alias in ipairs(model_of.aliases(field)) do
    self:takes(object, { alias, table.unpack(field, 2) }, self:sample(field), 'an alias')
  end
end

-- A field that sets one of another object.
local function add_into(self, object, field)
  local target = model_of.target(self.model, object, field)
  local as_target = { field[1], table.unpack(target, 2) }
  for key, value in pairs(target) do
    if type(key) == 'string' then as_target[key] = value end
  end
  wrong_type(self, object, as_target)
  self:takes(object, as_target, self:sample(as_target), 'a good value')
  self:refuses(object, as_target, '"no such thing"', 'a bad text')
end

local function add_object(self, object)
  local held, refused = model_of.split(object)
  self:add(object, { '' }, 'no table', ('_ = %s(5)'):format(self.model.makers[object.name][1]),
    'takes one table')
  for _, field in ipairs(held) do
    if field[2] == 'into' then
      add_into(self, object, field)
    else
      add_field(self, object, field)
    end
  end
  for _, field in ipairs(refused) do
    self:add(object, field, 'refused', '_ = ' .. self:call(object, field[1], 'true'), field[1])
  end
end

--- Makes values and calls; see the methods above.
function M.new(model)
  return setmetatable({ model = model, list = {} }, Cases)
end

--- @return table list of { object =, field =, what =, text =, refused = }
function M.make(model)
  local self = M.new(model)
  for _, object in ipairs(model.objects) do
    if #model.makers[object.name] > 0 then add_object(self, object) end
  end
  return self.list
end

return M
