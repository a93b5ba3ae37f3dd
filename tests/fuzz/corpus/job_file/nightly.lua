-- A web service with all that keeps it well, and a report every night.
--
--   clusterctl check -p replicas=5 nightly.lua
--   clusterctl render devcluster/www-data/prod/web/0 nightly.lua

local replicas = param("replicas", { type = "integer", default = 3, min = 1, help = "how many web servers" })

local web = Service {
  cluster = "devcluster", role = "www-data", environment = "prod", name = "web", instances = replicas,
  task = Task {
    processes = {
      Process {
        name = "server", cmdline = "exec ./server --port {{thermos.ports[http]}}",
        max_failures = 5, min_duration = 5,
      },
      Process { name = "logrotate", cmdline = "./rotate.sh", daemon = true, ephemeral = true },
      Process { name = "bye", cmdline = "./deregister.sh", final = true },
    },
    resources = Resources { cpu = 0.5, ram = 256*MB, disk = 1*GB },
  },
  constraints = { rack = limit(1), host = limit(1), zone = one_of("a", "b") },
  place = function(host) return host.attributes.cpu_class ~= "atom" end,
  health_check = HealthCheck {
    http = { endpoint = "/health", port = "http" }, interval_secs = 5, max_consecutive_failures = 3,
  },
  update = Update { batch_size = 2, watch_secs = 30, rollback_on_failure = true },
  announce = Announcer { primary_port = "http" },
  production = true,
}

local report = Job {
  cluster = "devcluster", role = "www-data", environment = "prod", name = "nightly-report",
  cron = Cron { schedule = "15 3 * * *", timezone = "Europe/Paris", collision_policy = "CANCEL_NEW" },
  max_task_failures = 3,
  task = SimpleTask { name = "report", cmdline = "./report.sh" },
}

return { web, report }
