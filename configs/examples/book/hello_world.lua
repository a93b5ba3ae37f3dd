-- The first job: a script that travels with the job, and two processes, one
-- after the other. The script's hash is part of the job: another script is
-- another configuration, and an update rolls it out.
--
--   clusterctl create devcluster/www-data/devel/hello_world hello_world.lua

local install = Process {
  name = "fetch_package",
  cmdline = "chmod +x hello_world.sh",
}

local hello = Process { name = "hello_world", cmdline = "./hello_world.sh" }

return {
  Service {
    cluster = "devcluster", environment = "devel", role = "www-data", name = "hello_world",
    task = SequentialTask {
      fetch = { "hello_world.sh" },
      processes = { install, hello },
      resources = Resources { cpu = 1, ram = 1*MB, disk = 8*MB },
    },
  },
}
