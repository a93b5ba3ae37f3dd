--- The manual page perigee-job(5), for scdoc: the objects of the language.

local model_of = require 'gen.model'
local words = require 'gen.words'

local M = {}

local HEAD = [[
perigee-job(5)

; Written by lua/generate.lua from lua/stdlib/schema.

# NAME

perigee-job - job files of Perigee

# DESCRIPTION

A job file is Lua 5.4. It describes jobs; it does nothing. What it returns is
the list of its jobs. *clusterctl check* _FILE_ evaluates it and tells every
mistake at once, with its line; *clusterctl help object* _NAME_ shows what
stands below, one object at a time.

What only the machine knows is written {{...}} in a command line and filled in
there: mesos.instance, mesos.hostname, mesos.role, mesos.cluster,
mesos.environment, mesos.name, thermos.task\_id, thermos.user,
thermos.ports[NAME], env[NAME]. Naming a port makes the scheduler allocate it.

# EXAMPLE

```
local server = Process {
  name = "server",
  cmdline = "exec ./server --port {{thermos.ports[http]}}",
}

return {
  Service {
    cluster = "devcluster", role = "www-data", environment = "devel",
    name = "web", instances = 2,
    task = Task {
      processes = { server },
      resources = Resources { cpu = 0.5, ram = 64*MB, disk = 128*MB },
    },
  },
}
```
]]

local TAIL = [[
# SEE ALSO

*clusterctl*(1), *thermos*(1), docs/job-language.md
]]

-- Text in which nothing is a mark of scdoc.
local function plain(text)
  return (text:gsub('[\\*_<>#]', '\\%0'))
end

-- A term and what it means, as scdoc indents it.
local function add_term(out, name, phrase, help)
  out(('*%s*%s'):format(plain(name), phrase ~= '' and ' (' .. plain(phrase) .. ')' or ''))
  out('\t' .. plain(words.sentence(help)) .. '\n')
end

local function add_object(out, model, object)
  local held, refused = model_of.split(object)
  local made_by = model.made_by[object.name]
  out(('## %s\n'):format(object.name))
  out(plain(words.sentence(object.help)))
  if #made_by > 1 then
    out(plain('Made by: ' .. table.concat(made_by, ', ') .. '.'))
  end
  out(plain(words.alone(object) or '') .. '\n')
  for _, field in ipairs(held) do
    local said = field
    if field[2] == 'into' then said = model_of.target(model, object, field) end
    add_term(out, field[1], words.phrase(said), field.help)
  end
  for _, field in ipairs(refused) do
    add_term(out, field[1], 'refused', field.help)
  end
end

local function add_calls(out, title, calls)
  out('# ' .. title .. '\n')
  for _, call in ipairs(calls) do
    local names = {}
    for i, parameter in ipairs(call.params or {}) do names[i] = parameter[1] end
    local shape = call.takes and call.name .. ' { ... }'
      or ('%s(%s)'):format(call.name, table.concat(names, ', '))
    add_term(out, shape, '', call.help)
  end
end

--- The text of docs/man/perigee-job.5.scd.
function M.text(model)
  local lines = { HEAD, '# OBJECTS\n' }
  local function out(line) lines[#lines + 1] = line end
  for _, object in ipairs(model.objects) do add_object(out, model, object) end
  add_calls(out, 'FUNCTIONS', model.functions)
  add_calls(out, 'IN A HEALTH FUNCTION', model.tools)
  out '# UNITS\n'
  for _, unit in ipairs(model.units) do add_term(out, unit[1], '', unit[2]) end
  out '# TEMPLATES\n'
  for _, template in ipairs(model.templates) do
    add_term(out, ('require "templates.%s"'):format(template.name), '',
      template.help)
  end
  out(TAIL)
  return (table.concat(lines, '\n'):gsub('\n\n\n+', '\n\n'):gsub('\n+$', '\n'))
end

return M
