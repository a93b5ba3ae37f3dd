-- Two versions of a service side by side.
local template = require "templates.template"

local function version(o, job, name, command, instances)
  return Service(extend({
    name = name,
    instances = instances,
    task = Task {
      name = name,
      processes = { Process { name = name, cmdline = command, max_failures = 5 } },
      resources = Resources { cpu = o.cpu, ram = o.ram, disk = o.disk },
      fetch = o.fetch,
    },
    announce = Announcer { primary_port = o.port },
  }, job))
end

return template {
  name = "canary_pair",
  makes = "Job[]",
  help = "two services, NAME and NAME-canary: the canary runs the new command on a share of the "
    .. "instances, until you are sure",
  example = [[
local canary_pair = require "templates.canary_pair"

return canary_pair {
  cluster = "devcluster", role = "www-data", environment = "prod",
  name = "search",
  stable = "exec ./search-1.4 --port {{thermos.ports[http]}}",
  canary = "exec ./search-1.5 --port {{thermos.ports[http]}}",
  instances = 20, percent = 10,
}]],
  { "name", type = "string", help = "of the stable service" },
  { "stable", type = "string|Raw", help = "the command that is known to be good" },
  { "canary", type = "string|Raw", help = "the command to try" },
  { "instances", default = 10, help = "of both together, at least 2" },
  { "percent", default = 10, help = "of the instances, for the canary; at least one" },
  { "port", default = "http", help = "name of the port of both" },
  { "cpu", type = "number", default = 0.5, help = "cores of an instance" },
  { "ram", default = 256*MB, help = "bytes of an instance" },
  { "disk", default = 1*GB, help = "bytes of an instance" },
  { "fetch", type = "(Fetch|string)[]", help = "what is in the sandbox, as Task.fetch" },

  make = function(o, job)
    if math.type(o.instances) ~= "integer" or o.instances < 2 then
      error("canary_pair: 'instances' is shared by two services: want an integer of at least 2", 0)
    end
    if type(o.percent) ~= "number" or o.percent <= 0 or o.percent >= 100 then
      error("canary_pair: 'percent' is out of range: want more than 0 and less than 100", 0)
    end
    if type(o.name) ~= "string" then
      error("canary_pair: 'name' is missing: want a string", 0)
    end
    local few = math.max(1, math.floor(o.instances * o.percent / 100))
    return {
      version(o, job, o.name, o.stable, o.instances - few),
      version(o, job, o.name .. "-canary", o.canary, few),
    }
  end,
}
