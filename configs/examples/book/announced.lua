-- An HTTP application that others find by its key: each instance announces the
-- port http, under the names http and aurora.
--
--   clusterctl create devcluster/www/prod/app announced.lua

local server = Process {
  name = "server",
  cmdline = "exec python3 -m http.server {{thermos.ports[http]}}",
}

return {
  Service {
    cluster = "devcluster", role = "www", environment = "prod", name = "app",
    task = Task {
      processes = { server },
      resources = Resources { cpu = 0.5, ram = 32*MB, disk = 16*MB },
    },
    announce = Announcer { primary_port = "http", portmap = { aurora = "http" } },
  },
}
