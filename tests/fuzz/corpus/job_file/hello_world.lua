-- The first job: a script that travels with the job, and two processes in order.
local install = Process { name = "fetch_package", cmdline = "echo '{{mesos.instance}}' && chmod +x hello_world.sh" }
local hello   = Process { name = "hello_world",   cmdline = "./hello_world.sh" }

local task = SequentialTask {
  fetch     = { "hello_world.sh" },          -- the script beside this file travels with the job
  processes = { install, hello },
  resources = Resources { cpu = 1, ram = 1*MB, disk = 8*MB },
}

return {
  Service { cluster = "devcluster", environment = "devel", role = "www-data", name = "hello_world", task = task },
}
