---@meta _
-- Written by lua/generate.lua from lua/stdlib/schema. For editors only:
-- docs/job-language.md says how an editor finds it.

--- One command of a task, run by bash in the sandbox of the task.
---
--- ```lua
--- Process {
---   name = "server",
---   cmdline = "exec ./server --port {{thermos.ports[http]}}",
---   max_failures = 5, env = Env { LANG = "C.UTF-8" },
--- }
--- ```
---@param fields Process.Table
---@return Process
function Process(fields) end

--- Processes that run together in one sandbox.
---
--- ```lua
--- Task {
---   processes = {
---     Process { name = "server", cmdline = "./server {{thermos.ports[http]}}" },
---     Process { name = "cleanup", cmdline = "rm -rf cache", final = true },
---   },
---   resources = Resources { cpu = 0.5, ram = 256*MB, disk = 1*GB },
--- }
--- ```
---@param fields Task.Table
---@return Task
function Task(fields) end

--- Instances of a task in a cluster.
---
--- ```lua
--- Job {
---   cluster = "devcluster", role = "www-data", environment = "test",
---   name = "sums",
---   task = SimpleTask("sums", "seq 1 100 | paste -sd+ | bc"),
---   max_task_failures = 3,
--- }
--- ```
---@param fields Job.Table
---@return Job
function Job(fields) end

--- Processes that run together in one sandbox.
---@param fields Task.Table
---@return Task
function SequentialTask(fields) end

--- Instances of a task in a cluster.
---@param fields Job.Table
---@return Job
function Service(fields) end

--- What one instance of a task may use.
---
--- ```lua
--- Resources { cpu = 0.5, ram = 256*MB, disk = 1*GB }
--- ```
---@param fields Resources.Table
---@return Resources
function Resources(fields) end

--- Where the output of a process goes.
---
--- ```lua
--- Logger { mode = "rotate", rotate = Rotate { log_size = 10*MB, backups = 3 } }
--- ```
---@param fields Logger.Table
---@return Logger
function Logger(fields) end

--- When a log is put aside, and how many are kept.
---
--- ```lua
--- Rotate { log_size = 10*MB, backups = 3 }
--- ```
---@param fields Rotate.Table
---@return Rotate
function Rotate(fields) end

--- When a log is put aside, and how many are kept.
---@param fields Rotate.Table
---@return Rotate
function RotatePolicy(fields) end

--- The order of some processes of a task: order("a", "b").
---
--- ```lua
--- Constraint { order = { "fetch", "build", "test" } }
--- ```
---@param fields Constraint.Table
---@return Constraint
function Constraint(fields) end

--- What is in the sandbox before the first process starts.
---
--- ```lua
--- Fetch { uri = "https://example.org/app.tar.gz", extract = true }
--- ```
---@param fields Fetch.Table
---@return Fetch
function Fetch(fields) end

--- A label of a job, for people and programs.
---
--- ```lua
--- Metadata { key = "team", value = "search" }
--- ```
---@param fields Metadata.Table
---@return Metadata
function Metadata(fields) end

--- How a change of the job is rolled out over its instances.
---
--- ```lua
--- Update {
---   batch_size = 2, watch_secs = 30, rollback_on_failure = true,
--- }
--- ```
---@param fields Update.Table
---@return Update
function Update(fields) end

--- How a change of the job is rolled out over its instances.
---@param fields Update.Table
---@return Update
function UpdateConfig(fields) end

--- The next instance changes as soon as one is done.
---
--- ```lua
--- QueueUpdateStrategy { batch_size = 3 }
--- ```
---@param fields QueueUpdateStrategy.Table
---@return QueueUpdateStrategy
function QueueUpdateStrategy(fields) end

--- A batch is done before the next begins.
---
--- ```lua
--- BatchUpdateStrategy {
---   batch_size = 3, autopause_after_batch = true,
--- }
--- ```
---@param fields BatchUpdateStrategy.Table
---@return BatchUpdateStrategy
function BatchUpdateStrategy(fields) end

--- Batches of different sizes; each is done before the next begins.
---
--- ```lua
--- VariableBatchUpdateStrategy { batch_sizes = { 1, 5, 20 } }
--- ```
---@param fields VariableBatchUpdateStrategy.Table
---@return VariableBatchUpdateStrategy
function VariableBatchUpdateStrategy(fields) end

--- New instances come before old ones go.
---
--- ```lua
--- Surge {
---   minimum_health_capacity = 0.5, maximum_over_capacity = 0.2,
--- }
--- ```
---@param fields Surge.Table
---@return Surge
function Surge(fields) end

--- A first batch of an update that is judged by itself.
---
--- ```lua
--- Canary { instances = 1, watch_secs = 10*mins }
--- ```
---@param fields Canary.Table
---@return Canary
function Canary(fields) end

--- How to see that an instance is well; one of http, tcp, shell, lua.
---
--- ```lua
--- HealthCheck {
---   http = { endpoint = "/health", port = "http" },
---   interval_secs = 5, max_consecutive_failures = 3,
--- }
--- ```
---@param fields HealthCheck.Table
---@return HealthCheck
function HealthCheck(fields) end

--- How to see that an instance is well; one of http, tcp, shell, lua.
---@param fields HealthCheck.Table
---@return HealthCheck
function HealthCheckConfig(fields) end

--- Aurora's way to say which health check it is.
---
--- ```lua
--- HealthCheckerConfig {
---   shell = ShellHealthChecker { shell_command = "./check.sh" },
--- }
--- ```
---@param fields HealthCheckerConfig.Table
---@return HealthCheckerConfig
function HealthCheckerConfig(fields) end

--- A health check that asks the instance over HTTP, on localhost.
---
--- ```lua
--- HttpCheck {
---   port = "http", endpoint = "/health", expected_response = "",
--- }
--- ```
---@param fields HttpCheck.Table
---@return HttpCheck
function HttpCheck(fields) end

--- A health check that asks the instance over HTTP, on localhost.
---@param fields HttpCheck.Table
---@return HttpCheck
function HttpHealthChecker(fields) end

--- A health check that runs a command as the role, in the sandbox.
---
--- ```lua
--- ShellCheck {
---   shell_command = "./check.sh {{thermos.ports[http]}}",
--- }
--- ```
---@param fields ShellCheck.Table
---@return ShellCheck
function ShellCheck(fields) end

--- A health check that runs a command as the role, in the sandbox.
---@param fields ShellCheck.Table
---@return ShellCheck
function ShellHealthChecker(fields) end

--- A health check that connects to a port of the instance.
---
--- ```lua
--- TcpCheck { port = "http" }
--- ```
---@param fields TcpCheck.Table
---@return TcpCheck
function TcpCheck(fields) end

--- How an instance is asked to end; without http it gets signals only.
---
--- ```lua
--- Lifecycle {
---   http = { port = "admin", graceful_shutdown_wait_secs = 20 },
--- }
--- ```
---@param fields Lifecycle.Table
---@return Lifecycle
function Lifecycle(fields) end

--- How an instance is asked to end; without http it gets signals only.
---@param fields Lifecycle.Table
---@return Lifecycle
function LifecycleConfig(fields) end

--- The addresses that end an instance; then come SIGTERM and SIGKILL.
---
--- ```lua
--- HttpLifecycle {
---   port = "admin", graceful_shutdown_endpoint = "/quit",
--- }
--- ```
---@param fields HttpLifecycle.Table
---@return HttpLifecycle
function HttpLifecycle(fields) end

--- The addresses that end an instance; then come SIGTERM and SIGKILL.
---@param fields HttpLifecycle.Table
---@return HttpLifecycle
function HttpLifecycleConfig(fields) end

--- How the instances are found in service discovery.
---
--- ```lua
--- Announcer {
---   primary_port = "http", portmap = { health = "http" },
--- }
--- ```
---@param fields Announcer.Table
---@return Announcer
function Announcer(fields) end

--- What the processes run in; their machine itself, unless given.
---
--- ```lua
--- Container {
---   image = DockerImage { name = "library/nginx", tag = "1.27" },
---   volumes = { { container_path = "/data", name = "data", size = 10*GB } },
--- }
--- ```
---@param fields Container.Table
---@return Container
function Container(fields) end

--- A container of the agent itself.
---
--- ```lua
--- Mesos {
---   image = DockerImage { name = "library/nginx", tag = "1.27" },
--- }
--- ```
---@param fields Mesos.Table
---@return Mesos
function Mesos(fields) end

--- A container of the Docker daemon.
---
--- ```lua
--- Docker {
---   image = "nginx:1.27",
---   parameters = { Parameter { name = "read-only", value = "true" } },
--- }
--- ```
---@param fields Docker.Table
---@return Docker
function Docker(fields) end

--- An option of docker run.
---
--- ```lua
--- Parameter { name = "volume", value = "/srv/data:/data:ro" }
--- ```
---@param fields Parameter.Table
---@return Parameter
function Parameter(fields) end

--- A file system from a Docker registry.
---@param fields DockerImage.Table
---@return DockerImage
function Image(fields) end

--- A file system from a Docker registry.
---
--- ```lua
--- DockerImage { name = "library/nginx", tag = "1.27" }
--- ```
---@param fields DockerImage.Table
---@return DockerImage
function DockerImage(fields) end

--- A file system by the App Container specification.
---
--- ```lua
--- AppcImage {
---   name = "example.org/web", image_id = "sha512-0123456789abcdef",
--- }
--- ```
---@param fields AppcImage.Table
---@return AppcImage
function AppcImage(fields) end

--- A folder of the machine, or a persistent volume, inside.
---
--- ```lua
--- Volume { container_path = "/data", name = "data", size = 10*GB }
--- ```
---@param fields Volume.Table
---@return Volume
function Volume(fields) end

--- What becomes of an instance whose agent is out of reach.
---
--- ```lua
--- Partition { reschedule = true, delay_secs = 5*mins }
--- ```
---@param fields Partition.Table
---@return Partition
function Partition(fields) end

--- What becomes of an instance whose agent is out of reach.
---@param fields Partition.Table
---@return Partition
function PartitionPolicy(fields) end

--- What maintenance leaves running; one of count, percentage, coordinator_url.
---
--- ```lua
--- Sla { percentage = 90, duration_secs = 10*mins }
--- ```
---@param fields Sla.Table
---@return Sla
function Sla(fields) end

--- Maintenance leaves a number of instances running.
---
--- ```lua
--- CountSlaPolicy { count = 18, duration_secs = 10*mins }
--- ```
---@param fields CountSlaPolicy.Table
---@return CountSlaPolicy
function CountSlaPolicy(fields) end

--- Maintenance leaves a share of the instances running.
---
--- ```lua
--- PercentageSlaPolicy { percentage = 90, duration_secs = 10*mins }
--- ```
---@param fields PercentageSlaPolicy.Table
---@return PercentageSlaPolicy
function PercentageSlaPolicy(fields) end

--- Maintenance asks a service before it takes an instance.
---
--- ```lua
--- CoordinatorSlaPolicy {
---   coordinator_url = "http://coordinator.example.org/drain",
--- }
--- ```
---@param fields CoordinatorSlaPolicy.Table
---@return CoordinatorSlaPolicy
function CoordinatorSlaPolicy(fields) end

--- When a job runs; schedule or after.
---
--- ```lua
--- Cron {
---   schedule = "15 3 * * *", timezone = "Europe/Paris",
---   collision_policy = "CANCEL_NEW", epsilon = 1*hours,
--- }
--- ```
---@param fields Cron.Table
---@return Cron
function Cron(fields) end

--- Who hears of the job; one of url, email, script.
---
--- ```lua
--- Notify { on = { "failed", "lost" }, email = "web@example.org" }
--- ```
---@param fields Notify.Table
---@return Notify
function Notify(fields) end

--- The executor of the job, which is thermos unless given.
---
--- ```lua
--- ExecutorConfig { name = "custom", data = "{}" }
--- ```
---@param fields ExecutorConfig.Table
---@return ExecutorConfig
function ExecutorConfig(fields) end

--- Jobs and groups that start in order and end in reverse.
---
--- ```lua
--- Group {
---   name = "shop",
---   jobs = {
---     Group { name = "storage", jobs = {} },
---     Group { name = "front", jobs = {}, depends_on = { "storage" } },
---   },
--- }
--- ```
---@param fields Group.Table
---@return Group
function Group(fields) end

--- What the jobs of a role, and of the roles below it, may use in all.
---
--- ```lua
--- Quota {
---   role = "www-data",
---   production = QuotaAmounts { cpu = 100, ram = 200*GB, disk = 1*TB },
---   all = QuotaAmounts { tasks = 2000 },
--- }
--- ```
---@param fields Quota.Table
---@return Quota
function Quota(fields) end

--- Bounds of a quota; what is unset has none, but of production cpu, ram, disk and gpus are 0 then.
---
--- ```lua
--- QuotaAmounts { cpu = 20, ram = 40*GB, disk = 200*GB, tasks = 100 }
--- ```
---@param fields QuotaAmounts.Table
---@return QuotaAmounts
function QuotaAmounts(fields) end

--- Who may act for a role, and its share of the cluster.
---
--- ```lua
--- Role { name = "www-data", weight = 2, users = { "ada" } }
--- ```
---@param fields Role.Table
---@return Role
function Role(fields) end

--- Somebody who signs in.
---
--- ```lua
--- User { name = "ada", roles = { "www-data" } }
--- ```
---@param fields User.Table
---@return User
function User(fields) end

Tasks = {}

Processes = {}

Options = {}

--- A task of one process, also SimpleTask(name, cmdline).
---@param fields SimpleTask.Table
---@return Task
function SimpleTask(fields) end

--- Environment variables of a job or a process.
---
--- ```lua
--- Env { LANG = "C.UTF-8" }
--- ```
---@param variables table<string, string> # names and values
---@return table<string, EnvVar>
function Env(variables) end

--- Each process ends before the next one starts.
---
--- ```lua
--- order("fetch", "build", "test")
--- ```
---@param ... string|Process # names or processes
---@return Constraint
function order(...) end

--- At most n instances of the job on hosts with one value.
---
--- ```lua
--- constraints = { rack = limit(1) }
--- ```
---@param n integer # instances
---@return HostConstraint
function limit(n) end

--- Only hosts with one of these values.
---
--- ```lua
--- constraints = { zone = one_of("a", "b") }
--- ```
---@param ... string # values of the attribute
---@return HostConstraint
function one_of(...) end

--- Only hosts without these values.
---
--- ```lua
--- constraints = { disk = none_of("slow") }
--- ```
---@param ... string # values of the attribute
---@return HostConstraint
function none_of(...) end

--- No two instances on hosts with the same value.
---
--- ```lua
--- constraints = { host = unique() }
--- ```
---@return HostConstraint
function unique() end

--- At most n instances on hosts with one value.
---
--- ```lua
--- constraints = { rack = max_per(3) }
--- ```
---@param n integer # instances
---@return HostConstraint
function max_per(n) end

--- The same number of instances on every value.
---
--- ```lua
--- constraints = { rack = group_by(3) }
--- ```
---@param n? integer # values that there are, at least
---@return HostConstraint
function group_by(n) end

--- All instances on hosts with one value.
---
--- ```lua
--- constraints = { rack = cluster_on("r1") }
--- ```
---@param value? string # the first instance's, unless given
---@return HostConstraint
function cluster_on(value) end

--- Only hosts whose value the expression matches.
---
--- ```lua
--- constraints = { rack = like("r[0-3]") }
--- ```
---@param expression string # PCRE2, for the whole value
---@return HostConstraint
function like(expression) end

--- Only hosts whose value the expression does not match.
---
--- ```lua
--- constraints = { rack = unlike("r[7-9]") }
--- ```
---@param expression string # PCRE2, for the whole value
---@return HostConstraint
function unlike(expression) end

--- Only machines kept for this.
---
--- ```lua
--- constraints = { dedicated = dedicated("db/data") }
--- ```
---@param value string # role/name, role or */name
---@return HostConstraint
function dedicated(value) end

--- A value that is given with -p name=value.
---
--- ```lua
--- local n = param("n", { type = "integer", default = 3, min = 1 })
--- ```
---@param name string # as in -p name=value
---@param options? ParamOptions # its type, default, range, help
---@return any
function param(name, options) end

--- What NAME.lua beside the job file or in the stdlib returns.
---
--- ```lua
--- local web_service = require "templates.web_service"
--- ```
---@param name string # with dots for folders
---@return any
function require(name) end

--- What another file returns, or else its global names.
---
--- ```lua
--- local common = import "common.lua"
--- ```
---@param path string # relative to the file that imports
---@return any
function import(path) end

--- Text in which {{...}} is left alone.
---
--- ```lua
--- cmdline = raw [[docker inspect --format "{{.Id}}" web]]
--- ```
---@param text string # any text
---@return Raw
function raw(text) end

--- A new table: the first with the others put over it.
---
--- ```lua
--- env = extend(web.env, { DEBUG = "1" })
--- ```
---@param map table # a table or a map of a value
---@param ... table # what is put over it; `unset` removes
---@return table
function extend(map, ...) end

--- A value that only the agent resolves and nothing shows.
---
--- ```lua
--- env = Env { PASSWORD = secret("db_password") }
--- ```
---@param name string # of the secret
---@return Secret
function secret(name) end

--- Aurora's way to write "RO" or "RW".
---
--- ```lua
--- Mode("RO")
--- ```
---@param mode "RO"|"RW" # of a volume
---@return string
function Mode(mode) end

--- All processes at the same time; resources are summed, the longest finalization_wait counts.
---
--- ```lua
--- Tasks.combine(web, log_shipper, { name = "web" })
--- ```
---@param ... Task|Task.Changes # tasks, then changes
---@return Task
function Tasks.combine(...) end

--- The processes of each task before those of the next; the most resources count, finalization_wait is summed.
---
--- ```lua
--- Tasks.concat(fetch, build, { name = "build" })
--- ```
---@param ... Task|Task.Changes # tasks, then changes
---@return Task
function Tasks.concat(...) end

--- A task whose processes run as they are listed.
---
--- ```lua
--- Tasks.sequential(task)
--- ```
---@param task Task # without an order
---@return Task
function Tasks.sequential(task) end

--- SimpleTask by another name.
---
--- ```lua
--- Tasks.simple("hello", "echo hello")
--- ```
---@param name string # of the task and its process
---@param cmdline string|Raw # run as bash -c CMDLINE
---@return Task
function Tasks.simple(name, cmdline) end

--- One list of processes, each once.
---
--- ```lua
--- processes = Processes.combine(server, { shipper, rotate })
--- ```
---@param ... Process|Process[] # processes, or lists of them
---@return Process[]
function Processes.combine(...) end

--- The order in which they are given.
---
--- ```lua
--- constraints = Processes.concat(fetch, { build, test })
--- ```
---@param ... Process|Process[] # processes, or lists of them
---@return Constraint
function Processes.concat(...) end

--- Order by another name.
---
--- ```lua
--- Processes.order("fetch", "build")
--- ```
---@param ... string|Process # names or processes
---@return Constraint
function Processes.order(...) end

--- Options of a Java program: "-a -verbose 1".
---
--- ```lua
--- Options.java("server", { Xmx = "1g" })
--- ```
---@param ... string|table # options, or names and values
---@return string
function Options.java(...) end

--- Options of a Python program: "-a --verbose 1".
---
--- ```lua
--- Options.python("v", { port = 8080 })
--- ```
---@param ... string|table # options, or names and values
---@return string
function Options.python(...) end

--- Tasks.combine by another name.
---@param ... Task|Task.Changes # tasks, then changes
---@return Task
function combine_tasks(...) end

--- Tasks.concat by another name.
---@param ... Task|Task.Changes # tasks, then changes
---@return Task
function concat_tasks(...) end

--- Options.java by another name.
---@param ... string|table # options, or names and values
---@return string
function java_options(...) end

--- Options.python by another name.
---@param ... string|table # options, or names and values
---@return string
function python_options(...) end

http = {}

tcp = {}

--- Asks over HTTP; nil and why when nothing answers.
---
--- ```lua
--- http.get("http://localhost:" .. ctx.ports.http .. "/health")
--- ```
---@param url string # http://...
---@return HttpAnswer|nil
---@return string?
function http.get(url) end

--- Connects; nil and why when nothing listens.
---
--- ```lua
--- tcp.connect("localhost", ctx.ports.redis)
--- ```
---@param host string # a name or an address
---@param port integer # a number
---@return boolean|nil
---@return string?
function tcp.connect(host, port) end

--- Runs a command in the sandbox: its exit status and output.
---
--- ```lua
--- sh("test -e ready") == 0
--- ```
---@param command string # run as bash -c COMMAND
---@return integer|nil
---@return string
function sh(command) end

--- 1024 bytes.
---@type integer
KB = nil

--- 1024 KB.
---@type integer
MB = nil

--- 1024 MB.
---@type integer
GB = nil

--- 1024 GB.
---@type integer
TB = nil

--- 1 second.
---@type integer
secs = nil

--- 60 seconds.
---@type integer
mins = nil

--- 60 minutes.
---@type integer
hours = nil

--- 24 hours.
---@type integer
days = nil

--- In a copy: take this field away.
---@type any
unset = nil

--- Lifecycle of a job that gets signals only.
---@type Lifecycle
DisableLifecycle = nil
