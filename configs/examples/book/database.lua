-- A database on machines that are kept for it (agents with the attribute
-- dedicated:db/data), whose data outlives its instances: the volume stays on
-- the machine, and the next instance runs where it is.
--
--   clusterctl create devcluster/db/prod/data database.lua

local server = Process { name = "db", cmdline = "exec ./db.sh data" }

return {
  Service {
    cluster = "devcluster", role = "db", environment = "prod", name = "data",
    task = Task {
      fetch = { Fetch { uri = "db.sh", executable = true } },
      processes = { server },
      resources = Resources { cpu = 1, ram = 512*MB, disk = 128*MB },
    },
    constraints = { dedicated = dedicated("db/data") },
    container = Container {
      volumes = { Volume { container_path = "/data", name = "data", size = 128*MB, mode = "RW" } },
    },
  },
}
