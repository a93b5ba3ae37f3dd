--- The schema as the generators see it: objects in the order of the manual,
--- the names that make them, and what is no object.

local examples = require 'gen.examples'
local templates = require 'gen.templates'

local M = {}

-- In the order in which a reader meets them; what is not listed comes behind,
-- by name.
local ORDER = {
  'Job', 'Task', 'SimpleTask', 'Process', 'Resources', 'Constraint', 'Fetch',
  'EnvVar', 'HostConstraint', 'Metadata', 'Logger', 'Rotate',
  'HealthCheck', 'HttpCheck', 'TcpCheck', 'ShellCheck', 'HealthCheckerConfig',
  'Lifecycle', 'HttpLifecycle', 'Announcer', 'PortAlias',
  'Update', 'QueueUpdateStrategy', 'BatchUpdateStrategy',
  'VariableBatchUpdateStrategy', 'Surge', 'Canary',
  'Cron', 'Container', 'Docker', 'Parameter', 'DockerImage', 'AppcImage',
  'Volume', 'Mesos', 'Partition', 'Sla', 'CountSlaPolicy',
  'PercentageSlaPolicy', 'CoordinatorSlaPolicy', 'Notify', 'ExecutorConfig',
  'Group', 'Quota', 'QuotaAmounts', 'Role', 'User',
}

-- Of operators' files, as ORDER has them of job files.
local FILES = { 'SecurityFile', 'SecurityUser', 'Permission', 'UserLimits', 'RolesFile',
  'RoleUser' }

local function modules(dir)
  local paths = {}
  local pipe = assert(io.popen(("ls '%s'/schema/*.lua"):format(dir)))
  for path in pipe:lines() do paths[#paths + 1] = path end
  assert(pipe:close())
  table.sort(paths)
  return paths
end

local function sort_objects(objects, order)
  local rank = {}
  for i, name in ipairs(order) do rank[name] = i end
  table.sort(objects, function(a, b)
    local left, right = rank[a.name] or #order + 1, rank[b.name] or #order + 1
    if left ~= right then return left < right end
    return a.name < b.name
  end)
end

-- Which names of the language make which object.
local function add_constructors(model)
  local makers = {}
  for _, object in ipairs(model.objects) do makers[object.name] = {} end
  for _, row in ipairs(model.language.constructors) do
    table.insert(makers[row[2]], row[1])
  end
  for _, call in ipairs(model.functions) do
    if call.takes and makers[call.takes] and call.makes then
      table.insert(makers[call.takes], call.name)
    end
  end
  model.makers = makers
end

-- Objects that no constructor makes, but functions: HostConstraint.
local function add_functions(model)
  model.made_by = {}
  for name, list in pairs(model.makers) do
    local calls = table.move(list, 1, #list, 1, {})
    for _, call in ipairs(#list == 0 and model.functions or {}) do
      if call.makes:find('%f[%w]' .. name .. '%f[%W]') then
        calls[#calls + 1] = call.name
      end
    end
    model.made_by[name] = calls
  end
end

-- A map whose values are texts in a file, whatever they are in the message.
local function mark_text_maps(model)
  for _, object in ipairs(model.objects) do
    for _, field in ipairs(object) do
      field.is_text_map = field[2] == 'map'
        and model.by_name[field.of].value ~= nil
    end
  end
end

--- Read the schema under DIR/schema.
--- @return table with objects, by_name, language, makers, made_by, functions,
---   tools, units, types, templates; files has the objects of operators' files
function M.load(dir)
  local model = { objects = {}, files = {}, by_name = {} }
  for _, path in ipairs(modules(dir)) do
    local value = assert(loadfile(path))()
    if path:match('/language%.lua$') then
      model.language = value
    elseif value.name then
      table.insert(value.file and model.files or model.objects, value)
      model.by_name[value.name] = value
    end
  end
  sort_objects(model.objects, ORDER)
  sort_objects(model.files, FILES)
  local others = require 'gen.functions'
  local refused = {}
  for _, name in ipairs(model.language.refused) do refused[name] = true end
  model.functions, model.units, model.types = {}, others.units, others.types
  model.tools = others.tools
  for _, call in ipairs(others.functions) do
    if not refused[call.name] then table.insert(model.functions, call) end
  end
  model.templates = templates.load(dir)
  add_constructors(model)
  add_functions(model)
  mark_text_maps(model)
  return model
end

--- The fields that a file may set, then those that are only refused. (A tag
--- is neither: it tells objects apart on the wire.)
function M.split(object)
  local held, refused = {}, {}
  for _, field in ipairs(object) do
    if field[2] == 'refused' then
      table.insert(refused, field)
    elseif field[2] ~= 'tag' then
      table.insert(held, field)
    end
  end
  return held, refused
end

local function as_list(value)
  if value == nil then return {} end
  return type(value) == 'table' and value or { value }
end

--- Further names of a field.
function M.aliases(field)
  return as_list(field.alias)
end

--- The objects that a field holds, by name; none for plain values.
function M.objects_of(field)
  local names = as_list(field.of)
  if names[1] == 'string' or names[1] == 'integer' then return {} end
  return names
end

--- What a list's elements are when they are no objects.
function M.plain_of(field)
  return #M.objects_of(field) == 0 and (field.of or 'string') or nil
end

--- The field of another object that a field of kind `into` sets.
function M.target(model, object, field)
  local within = M.field(object, field.into[1])
  return M.field(model.by_name[M.objects_of(within)[1]], field.into[2])
end

function M.field(object, name)
  for _, field in ipairs(object) do
    if field[1] == name then return field end
  end
  error(object.name .. ' has no field ' .. name)
end

--- The fields whose value alone may stand for the whole object.
function M.alone(object)
  local list = {}
  for _, field in ipairs(object) do
    if field.alone then list[#list + 1] = field end
  end
  return list
end

--- An example of a constructor's call, or nil.
function M.example(object)
  return object.example or examples[object.name]
end

return M
