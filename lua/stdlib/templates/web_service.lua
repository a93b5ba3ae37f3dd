-- A service behind a port.
local template = require "templates.template"

return template {
  name = "web_service",
  help = "a service behind a port: announced, asked for its health, updated in batches, and put back "
    .. "when the new version is not well",
  example = [[
local web_service = require "templates.web_service"

return {
  web_service {
    cluster = "devcluster", role = "www-data", environment = "prod",
    name = "web",
    cmdline = "exec ./server --port {{thermos.ports[http]}}",
    instances = 3, ram = 512*MB,
  },
}]],
  { "name", type = "string", help = "of the service and its process" },
  { "cmdline", type = "string|Raw", help = "the server; {{thermos.ports[http]}} is its port" },
  { "port", default = "http", help = "name of its port" },
  { "endpoint", default = "/health", help = "must answer with status 200" },
  { "cpu", type = "number", default = 0.5, help = "cores of an instance" },
  { "ram", default = 256*MB, help = "bytes of an instance" },
  { "disk", default = 1*GB, help = "bytes of an instance" },
  { "fetch", type = "(Fetch|string)[]", help = "what is in the sandbox, as Task.fetch" },
  { "batch_size", default = 1, help = "instances that change at once" },
  { "watch_secs", default = 30, help = "seconds a changed instance must be well" },

  make = function(o, job)
    local server = Process {
      name = o.name, cmdline = o.cmdline, max_failures = 5, min_duration = 5,
    }
    return Service(extend({
      instances = 2,
      task = Task {
        processes = { server },
        resources = Resources { cpu = o.cpu, ram = o.ram, disk = o.disk },
        fetch = o.fetch,
      },
      health_check = HealthCheck {
        http = HttpCheck {
          port = o.port, endpoint = o.endpoint,
          expected_response = "", expected_response_code = 200,
        },
        initial_interval_secs = 15, interval_secs = 5, max_consecutive_failures = 3,
      },
      update = Update {
        batch_size = o.batch_size, watch_secs = o.watch_secs, rollback_on_failure = true,
      },
      announce = Announcer { primary_port = o.port },
    }, job))
  end,
}
