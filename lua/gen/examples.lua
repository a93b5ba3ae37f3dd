-- One example of each object, for the manual and for `clusterctl help object`.
-- tests/lua/generated_spec.lua evaluates each one as it stands.
return {
  Job = [[
Job {
  cluster = "devcluster", role = "www-data", environment = "test",
  name = "sums",
  task = SimpleTask("sums", "seq 1 100 | paste -sd+ | bc"),
  max_task_failures = 3,
}]],
  Task = [[
Task {
  processes = {
    Process { name = "server", cmdline = "./server {{thermos.ports[http]}}" },
    Process { name = "cleanup", cmdline = "rm -rf cache", final = true },
  },
  resources = Resources { cpu = 0.5, ram = 256*MB, disk = 1*GB },
}]],
  SimpleTask = [[
SimpleTask { name = "hello", cmdline = "echo hello" }]],
  Process = [[
Process {
  name = "server",
  cmdline = "exec ./server --port {{thermos.ports[http]}}",
  max_failures = 5, env = Env { LANG = "C.UTF-8" },
}]],
  Resources = [[
Resources { cpu = 0.5, ram = 256*MB, disk = 1*GB }]],
  Constraint = [[
Constraint { order = { "fetch", "build", "test" } }]],
  Fetch = [[
Fetch { uri = "https://example.org/app.tar.gz", extract = true }]],
  HostConstraint = [[
Job {
  cluster = "devcluster", role = "www-data", environment = "prod",
  name = "spread", instances = 3, task = SimpleTask("spread", "sleep 60"),
  constraints = { rack = limit(1), zone = one_of("a", "b") },
}]],
  EnvVar = [[
Env { LANG = "C.UTF-8", GREETING = "hello" }]],
  Metadata = [[
Metadata { key = "team", value = "search" }]],
  Logger = [[
Logger { mode = "rotate", rotate = Rotate { log_size = 10*MB, backups = 3 } }]],
  Rotate = [[
Rotate { log_size = 10*MB, backups = 3 }]],
}
