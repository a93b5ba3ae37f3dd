--- Tasks put together: Tasks, Processes, combine_tasks and concat_tasks of the
--- language.

local M = {}

--- Equal in all that is set, however often they were made.
local function equal(a, b)
  if a == b then return true end
  if type(a) ~= 'userdata' or type(b) ~= 'userdata' then return false end
  if tostring(a) ~= tostring(b) then return false end
  for key, value in pairs(a) do
    if not equal(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end

--- Put what is in `more` behind `list`, each once.
local function add(list, more)
  for _, one in ipairs(more or {}) do
    local is_new = true
    for _, other in ipairs(list) do is_new = is_new and not equal(one, other) end
    if is_new then list[#list + 1] = one end
  end
end

local function is_changes(value)
  return type(value) == 'table' and #value == 0
end

--- The values given, or those of the one list given; the last may be a plain
--- table of changes.
local function arguments(name, ...)
  local list = { ... }
  local changes = is_changes(list[#list]) and table.remove(list) or {}
  if #list == 1 and type(list[1]) == 'table' then list = list[1] end
  if #list == 0 then error(name .. ': want tasks, or a list of tasks', 0) end
  for i, task in ipairs(list) do
    if not tostring(task):find('^Task') then
      error(('%s: value %d is a %s: want a Task'):format(name, i, type(task)), 0)
    end
  end
  return list, changes
end

--- A task with problems has holes, and they were told: it stands for the whole.
local function broken(tasks)
  for _, task in ipairs(tasks) do
    if not task.processes or not task.resources then return task end
  end
end

local function fold(tasks, field, f)
  local out = tasks[1].resources[field]
  for i = 2, #tasks do out = f(out, tasks[i].resources[field]) end
  return out
end

--- Each resource folded over all tasks.
local function resources(tasks, f)
  return Resources {
    cpu = fold(tasks, 'cpu', f), ram = fold(tasks, 'ram', f),
    disk = fold(tasks, 'disk', f), gpu = fold(tasks, 'gpu', f),
  }
end

local function sum(a, b) return a + b end

--- What is in any of the tasks; the rest is the last one's.
local function union(tasks)
  local processes, constraints, fetch = {}, {}, {}
  for _, task in ipairs(tasks) do
    add(processes, task.processes)
    add(constraints, task.constraints)
    add(fetch, task.fetch)
  end
  return { processes = processes, constraints = constraints, fetch = fetch }
end

local function wait(tasks, f)
  local out = tasks[1].finalization_wait
  for i = 2, #tasks do out = f(out, tasks[i].finalization_wait) end
  return out
end

local function make(tasks, fields, changes)
  for name, value in pairs(changes) do fields[name] = value end
  return tasks[#tasks](fields)
end

--- Tasks.combine(a, b): all processes at the same time.
function M.combine(...)
  local tasks, changes = arguments('Tasks.combine', ...)
  if broken(tasks) then return broken(tasks) end
  local fields = union(tasks)
  fields.resources = resources(tasks, sum)
  fields.finalization_wait = wait(tasks, math.max)
  return make(tasks, fields, changes)
end

--- Final processes run behind all others, whatever the order.
local function add_orders(list, before, after)
  for _, first in ipairs(before.processes) do
    for _, second in ipairs(after.processes) do
      if first.final == second.final and not equal(first, second) then
        list[#list + 1] = order(first.name, second.name)
      end
    end
  end
end

--- Tasks.concat(a, b): all processes of a, then all of b.
function M.concat(...)
  local tasks, changes = arguments('Tasks.concat', ...)
  if broken(tasks) then return broken(tasks) end
  local fields = union(tasks)
  for i = 2, #tasks do add_orders(fields.constraints, tasks[i - 1], tasks[i]) end
  fields.resources = resources(tasks, math.max)
  fields.finalization_wait = wait(tasks, sum)
  return make(tasks, fields, changes)
end

--- Tasks.sequential(task): its processes one after the other.
function M.sequential(...)
  local tasks = arguments('Tasks.sequential', ...)
  local task = tasks[1]
  if broken(tasks) then return task end
  if #(task.constraints or {}) > 0 then
    error('Tasks.sequential: the task has an order already', 0)
  end
  local names = {}
  for i, process in ipairs(task.processes) do names[i] = process.name end
  return task { constraints = order(names) }
end

--- Tasks.simple("name", "cmdline")
function M.simple(...)
  return SimpleTask(...)
end

--- Processes.order("a", b): an order of names or processes.
function M.order(...)
  return order(...)
end

local function flatten(...)
  local list = {}
  for _, value in ipairs { ... } do
    if tostring(value):find('^Process') then
      add(list, { value })
    else
      add(list, value)
    end
  end
  return list
end

--- Processes.combine(a, { b, c }): one list of processes, each once.
function M.combine_processes(...)
  return flatten(...)
end

--- Processes.concat(a, { b, c }): the order in which they stand.
function M.concat_processes(...)
  local names = {}
  for i, process in ipairs(flatten(...)) do names[i] = process.name end
  return order(names)
end

return M
