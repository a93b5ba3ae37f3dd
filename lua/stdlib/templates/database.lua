-- One server that owns its data.
local template = require "templates.template"

return template {
  name = "database",
  help = "one server with a persistent volume: it comes back where its data is, and waits for its "
    .. "machine rather than start without them",
  example = [[
local database = require "templates.database"

return {
  database {
    cluster = "devcluster", role = "db", environment = "prod",
    name = "orders",
    cmdline = "exec ./db --port {{thermos.ports[db]}} --data /data",
    size = 20*GB, dedicated = "db/orders",
  },
}]],
  { "name", type = "string", help = "of the service and its process" },
  { "cmdline", type = "string|Raw", help = "the server; {{thermos.ports[db]}} is its port" },
  { "port", default = "db", help = "name of its port; open when it is well" },
  { "path", default = "/data", help = "where the volume is seen" },
  { "size", default = 10*GB, help = "bytes of the volume" },
  { "dedicated", type = "string", help = "machines kept for it: role/name" },
  { "cpu", type = "number", default = 1, help = "cores" },
  { "ram", default = 2*GB, help = "bytes" },
  { "disk", default = 1*GB, help = "bytes besides the volume" },
  { "fetch", type = "(Fetch|string)[]", help = "what is in the sandbox, as Task.fetch" },

  make = function(o, job)
    local server = Process { name = o.name, cmdline = o.cmdline, max_failures = 10, min_duration = 10 }
    return Service(extend({
      task = Task {
        processes = { server },
        resources = Resources { cpu = o.cpu, ram = o.ram, disk = o.disk },
        fetch = o.fetch,
        finalization_wait = 120,
      },
      container = Container {
        volumes = { Volume { container_path = o.path, name = "data", size = o.size } },
      },
      constraints = o.dedicated and { dedicated = dedicated(o.dedicated) } or nil,
      health_check = HealthCheck {
        tcp = TcpCheck { port = o.port }, initial_interval_secs = 60, max_consecutive_failures = 5,
      },
      partition_policy = Partition { reschedule = false },
      production = true,
    }, job))
  end,
}
