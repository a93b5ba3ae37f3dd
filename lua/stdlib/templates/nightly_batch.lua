-- Steps that run one after the other, every night.
local template = require "templates.template"

-- { "load", "./load.sh" } or a Process
local function process(step)
  if type(step) ~= "table" then return step end
  return Process { name = step[1] or step.name, cmdline = step[2] or step.cmdline }
end

local function processes(steps)
  if type(steps) ~= "table" then return steps end
  local list = {}
  for i, step in ipairs(steps) do list[i] = process(step) end
  return list
end

return template {
  name = "nightly_batch",
  help = "steps that run one after the other at a time of the night; a night is left out while the "
    .. "last one still runs",
  example = [[
local nightly_batch = require "templates.nightly_batch"

return {
  nightly_batch {
    cluster = "devcluster", role = "www-data", environment = "prod",
    name = "report",
    schedule = "15 3 * * *", timezone = "Europe/Paris",
    steps = {
      { "extract", "./extract.sh" },
      { "mail", "./mail.sh" },
    },
  },
}]],
  { "steps", type = "(string[]|Process)[]",
    help = 'a list of { "name", "command" } or processes, in order' },
  { "schedule", default = "0 3 * * *", help = "as Cron.schedule" },
  { "timezone", type = "string", help = "as in Europe/Paris; the cluster's, unless given" },
  { "cpu", type = "number", default = 1, help = "cores" },
  { "ram", default = 1*GB, help = "bytes" },
  { "disk", default = 10*GB, help = "bytes" },
  { "fetch", type = "(Fetch|string)[]", help = "what is in the sandbox, as Task.fetch" },

  make = function(o, job)
    return Job(extend({
      max_task_failures = 3,
      cron = Cron {
        schedule = o.schedule, timezone = o.timezone, collision_policy = "CANCEL_NEW",
      },
      task = SequentialTask {
        processes = processes(o.steps),
        resources = Resources { cpu = o.cpu, ram = o.ram, disk = o.disk },
        fetch = o.fetch,
      },
    }, job))
  end,
}
