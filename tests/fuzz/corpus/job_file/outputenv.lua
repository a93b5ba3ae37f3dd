-- Three web servers that show their environment. The archive beside this file
-- travels with the job and is unpacked in each sandbox; it holds the folder
-- outputenv, whose source is here too. Naming a port makes the scheduler
-- allocate one for each instance.
--
--   clusterctl create devcluster/www-data/devel/outputenv outputenv.lua
--   clusterctl status devcluster/www-data/devel/outputenv

local server = Process {
  name = "server",
  cmdline = "exec lua5.4 outputenv/server.lua {{thermos.ports[http]}}",
  env = Env { GREETING = "hello from the job file" },
  max_failures = 5,
  min_duration = 1,
}

return {
  Service {
    cluster = "devcluster", role = "www-data", environment = "devel", name = "outputenv",
    instances = 3,
    task = Task {
      fetch = { Fetch { uri = "outputenv.tar.gz", extract = true } },
      processes = { server },
      resources = Resources { cpu = 0.1, ram = 32*MB, disk = 16*MB },
    },
  },
}
