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
  HealthCheck = [[
HealthCheck {
  http = HttpCheck { endpoint = "/health", port = "http" },
  interval_secs = 5, max_consecutive_failures = 3,
}]],
  HttpCheck = [[
HttpCheck { port = "http", endpoint = "/health", expected_response = "ok" }]],
  TcpCheck = [[
TcpCheck { port = "redis" }]],
  ShellCheck = [[
ShellCheck { shell_command = "test -e ready" }]],
  HealthCheckerConfig = [[
HealthCheckerConfig { shell = ShellCheck { shell_command = "./well" } }]],
  Lifecycle = [[
Lifecycle { http = HttpLifecycle { port = "admin" } }]],
  HttpLifecycle = [[
HttpLifecycle { port = "admin", graceful_shutdown_endpoint = "/quit" }]],
  Announcer = [[
Announcer { primary_port = "http", portmap = { aurora = "http" } }]],
  PortAlias = [[
Announcer { primary_port = "http", portmap = { web = "http" } }]],
  Update = [[
Update { batch_size = 2, watch_secs = 30, rollback_on_failure = true }]],
  QueueUpdateStrategy = [[
Update { update_strategy = QueueUpdateStrategy { batch_size = 3 } }]],
  BatchUpdateStrategy = [[
Update {
  update_strategy = BatchUpdateStrategy {
    batch_size = 3, autopause_after_batch = true,
  },
}]],
  VariableBatchUpdateStrategy = [[
Update {
  update_strategy = VariableBatchUpdateStrategy { batch_sizes = { 1, 5, 10 } },
}]],
  Surge = [[
Update {
  update_strategy = Surge {
    minimum_health_capacity = 1, maximum_over_capacity = 0.2,
  },
}]],
  Canary = [[
Update { canary = Canary { instances = 1, watch_secs = 120 } }]],
  Cron = [[
Cron { schedule = "15 3 * * *", timezone = "Europe/Paris" }]],
  Container = [[
Container { docker = Docker { image = "nginx:1.9" } }]],
  Docker = [[
Docker {
  image = "nginx:1.9",
  parameters = { Parameter { name = "volume", value = "/srv:/srv:ro" } },
}]],
  Parameter = [[
Parameter { name = "volume", value = "/srv:/srv:ro" }]],
  DockerImage = [[
DockerImage { name = "library/python", tag = "3.11" }]],
  AppcImage = [[
AppcImage { name = "example.org/app", image_id = "sha512-d41d8c" }]],
  Volume = [[
Volume { container_path = "/data", name = "data", size = 10*GB }]],
  Mesos = [[
Mesos { image = DockerImage { name = "library/python", tag = "3.11" } }]],
  Partition = [[
Partition { reschedule = true, delay_secs = 300 }]],
  Sla = [[
Sla { percentage = 95, duration_secs = 30*mins }]],
  CountSlaPolicy = [[
CountSlaPolicy { count = 18, duration_secs = 30*mins }]],
  PercentageSlaPolicy = [[
PercentageSlaPolicy { percentage = 95, duration_secs = 30*mins }]],
  CoordinatorSlaPolicy = [[
CoordinatorSlaPolicy { coordinator_url = "http://sla.example.org/may" }]],
  Notify = [[
Notify { on = { "failed" }, email = "oncall@example.org" }]],
  ExecutorConfig = [[
ExecutorConfig { name = "AuroraExecutor" }]],
}
