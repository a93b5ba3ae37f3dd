-- Workers that share one piece of work.
local template = require "templates.template"

-- What is no text at all is told by Process.
local function with_shard(cmdline, shards)
  if type(cmdline) == "userdata" then
    error("sharded_worker: 'cmdline' is raw text, which cannot know its shard: want a string", 0)
  end
  if type(cmdline) ~= "string" then return cmdline end
  return ("export SHARD={{mesos.instance}} SHARDS=%s\n%s"):format(tostring(shards), cmdline)
end

return template {
  name = "sharded_worker",
  help = "workers that each take their share: the command sees SHARD, from 0, and SHARDS",
  example = [[
local sharded_worker = require "templates.sharded_worker"

return {
  sharded_worker {
    cluster = "devcluster", role = "www-data", environment = "prod",
    name = "indexer",
    cmdline = "exec ./indexer --part $SHARD --of $SHARDS",
    shards = 8, per_host = 2,
  },
}]],
  { "name", type = "string", help = "of the job and its process" },
  { "cmdline", type = "string", help = "the worker; $SHARD and $SHARDS are its share" },
  { "shards", default = 4, help = "how many workers share the work" },
  { "per_host", type = "integer", help = "at most so many on one machine" },
  { "cpu", type = "number", default = 1, help = "cores of a worker" },
  { "ram", default = 1*GB, help = "bytes of a worker" },
  { "disk", default = 1*GB, help = "bytes of a worker" },
  { "fetch", type = "(Fetch|string)[]", help = "what is in the sandbox, as Task.fetch" },

  make = function(o, job)
    local worker = Process {
      name = o.name, cmdline = with_shard(o.cmdline, o.shards), max_failures = 10,
    }
    return Service(extend({
      instances = o.shards,
      task = Task {
        processes = { worker },
        resources = Resources { cpu = o.cpu, ram = o.ram, disk = o.disk },
        fetch = o.fetch,
      },
      constraints = o.per_host and { host = limit(o.per_host) } or nil,
    }, job))
  end,
}
