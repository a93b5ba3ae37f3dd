---@meta _
-- Written by lua/generate.lua from lua/stdlib/schema. For editors only:
-- docs/job-language.md says how an editor finds it.

--- Instances of a task in a cluster.
---@class Job.Changes
---@field cluster? string # where it runs (text; letters, digits, '_', '.' or '-', at most 63; required)
---@field role? string # the user it runs as, and whose quota it uses (text; letters, digits, '_', '.' or '-', at most 63; required)
---@field environment? string # prod, devel, test, or staging and digits (text; prod, devel, test, or staging and digits; required)
---@field name? string # that of the task, unless given (text; letters, digits, '_', '.' or '-', at most 63)
---@field task? Task # what each instance runs (Task; required)
---@field instances? integer # how many; clusters have a limit of their own (integer; 1 to 100000; default 1)
---@field contact? string # whom to ask (text; at most 256 bytes)
---@field service? boolean # started again after any end (true or false; default false)
---@field max_task_failures? integer # failed runs of an instance until it stays failed; -1: no limit (integer; -1 to 1000000; default 1)
---@field priority? integer # higher goes first, within its role (integer; 0 to 1000000; default 0)
---@field production? boolean # tier preferred (true or false; default false)
---@field tier? string # preferred, preemptible, revocable, or one that the cluster adds (text; letters, digits, '_', '.' or '-', at most 63)
---@field constraints? table<string, HostConstraint|string> # attribute of hosts = limit(n), one_of(...), like(...), ... (table of names and HostConstraint; at most 64 of them)
---@field env? table<string, EnvVar|Secret|string> # environment variables of all processes (table of names and texts; also environment_variables)
---@field environment_variables? table<string, EnvVar|Secret|string> # environment variables of all processes (table of names and texts; also environment_variables)
---@field metadata? table<string, Metadata|string>|(Metadata|Metadata.Table)[] # labels (table of names and texts; at most 256 of them)
---@field update? Update|Update.Table # how a change is rolled out (Update; also update_config)
---@field update_config? Update|Update.Table # how a change is rolled out (Update; also update_config)
---@field health_check? HealthCheck|HealthCheck.Table|(fun(ctx: HealthContext): boolean, string?) # how to see that an instance is well; a function is a check in Lua. HTTP on the port health, if the task names it, unless given (HealthCheck; also health_check_config; also health)
---@field health_check_config? HealthCheck|HealthCheck.Table|(fun(ctx: HealthContext): boolean, string?) # how to see that an instance is well; a function is a check in Lua. HTTP on the port health, if the task names it, unless given (HealthCheck; also health_check_config; also health)
---@field health? HealthCheck|HealthCheck.Table|(fun(ctx: HealthContext): boolean, string?) # how to see that an instance is well; a function is a check in Lua. HTTP on the port health, if the task names it, unless given (HealthCheck; also health_check_config; also health)
---@field lifecycle? Lifecycle|Lifecycle.Table # how an instance is asked to end. HTTP on the port health, if the task names it, unless given (Lifecycle)
---@field announce? Announcer|Announcer.Table # how the instances are found (Announcer)
---@field container? Container|Docker|Mesos # what the processes run in (Container)
---@field partition_policy? Partition|Partition.Table # when the agent of an instance is out of reach (Partition; also partition)
---@field partition? Partition|Partition.Table # when the agent of an instance is out of reach (Partition; also partition)
---@field sla_policy? Sla|CountSlaPolicy|PercentageSlaPolicy|CoordinatorSlaPolicy # what maintenance leaves running (Sla or CountSlaPolicy or PercentageSlaPolicy or CoordinatorSlaPolicy; also sla)
---@field sla? Sla|CountSlaPolicy|PercentageSlaPolicy|CoordinatorSlaPolicy # what maintenance leaves running (Sla or CountSlaPolicy or PercentageSlaPolicy or CoordinatorSlaPolicy; also sla)
---@field cron? Cron # when it runs; makes it a cron job (Cron)
---@field place? fun(host: Host): boolean # function(host): true where an instance may run (function)
---@field rank? fun(host: Host): integer # function(host): an integer, higher where it would rather run (function)
---@field notify? Notify|Notify[] # who hears of it (list of Notify; at most 64 of them; or one alone)
---@field executor_config? ExecutorConfig|ExecutorConfig.Table # an executor that is not thermos (ExecutorConfig)
---@field cron_schedule? string # Cron.schedule (text; five fields: minute hour day month weekday, or a repeating interval: R/2026-11-20T22:00:00Z/PT10M)
---@field cron_collision_policy? "KILL_EXISTING"|"CANCEL_NEW"|"RUN_OVERLAP" # Cron.collision_policy (text; "KILL_EXISTING", "CANCEL_NEW", "RUN_OVERLAP"; default "KILL_EXISTING")

---@class Job.Table: Job.Changes
---@field cluster string # where it runs (text; letters, digits, '_', '.' or '-', at most 63; required)
---@field role string # the user it runs as, and whose quota it uses (text; letters, digits, '_', '.' or '-', at most 63; required)
---@field environment string # prod, devel, test, or staging and digits (text; prod, devel, test, or staging and digits; required)
---@field task Task # what each instance runs (Task; required)

---@class Job: Job.Changes
---@operator call(Job.Changes): Job

--- Processes that run together in one sandbox.
---@class Task.Changes
---@field name? string # that of the first process, unless given (text; a name without '/' that does not begin with '.')
---@field processes? Process[] # what runs; all at once unless ordered (list of Process; at most 1000 of them; required)
---@field constraints? Constraint|Constraint[] # order("a", "b"), or a list of them (list of Constraint; at most 10000 of them; or one alone)
---@field resources? Resources # what one instance may use (Resources; required)
---@field max_failures? integer # failed processes that make the task fail; 0: it never does (integer; 0 to 1000; default 1)
---@field max_concurrency? integer # processes that run at once; 0: no limit (integer; 0 to 1000; default 0)
---@field finalization_wait? integer # seconds that ending takes, final processes included (integer; 0 to 3600; default 30)
---@field fetch? (Fetch|string)[] # what is in the sandbox before the first process starts (list of Fetch; at most 256 of them)

---@class Task.Table: Task.Changes
---@field processes Process[] # what runs; all at once unless ordered (list of Process; at most 1000 of them; required)
---@field resources Resources # what one instance may use (Resources; required)

---@class Task: Task.Changes
---@operator call(Task.Changes): Task

--- A task of one process: SimpleTask { name = ..., cmdline = ... }.
---@class SimpleTask.Changes
---@field name? string # of the task and of its process (text; a name without '/' that does not begin with '.'; required)
---@field cmdline? string|Raw # run as bash -c CMDLINE (text with {{...}}; at most 1*MB; required)
---@field resources? Resources # 1 cpu, 1 GB of ram and of disk, unless given (Resources)
---@field fetch? (Fetch|string)[] # what is in the sandbox before it starts (list of Fetch; at most 256 of them)

---@class SimpleTask.Table: SimpleTask.Changes
---@field name string # of the task and of its process (text; a name without '/' that does not begin with '.'; required)
---@field cmdline string|Raw # run as bash -c CMDLINE (text with {{...}}; at most 1*MB; required)

---@class SimpleTask: SimpleTask.Changes
---@operator call(SimpleTask.Changes): SimpleTask

--- One command of a task, run by bash in the sandbox of the task.
---@class Process.Changes
---@field name? string # unique in its task; names the folder of its logs (text; a name without '/' that does not begin with '.'; required)
---@field cmdline? string|Raw # run as bash -c CMDLINE; {{...}} is filled in on the machine (text with {{...}}; at most 1*MB; required)
---@field max_failures? integer # failed runs until it has failed for good; 0: try without limit (integer; 0 to 1000000; default 1)
---@field daemon? boolean # run again after success, too (true or false; default false)
---@field ephemeral? boolean # does not hold the task open; ended with the others (true or false; default false)
---@field min_duration? integer # least seconds between the end of a run and the next (integer; 0 to 86400; default 5)
---@field final? boolean # runs when all ordinary processes have ended (true or false; default false)
---@field logger? Logger # where its output goes (Logger)
---@field env? table<string, EnvVar|Secret|string> # environment variables, over those of the job (table of names and texts)
---@field resources? Resources # a share of its own (Resources)

---@class Process.Table: Process.Changes
---@field name string # unique in its task; names the folder of its logs (text; a name without '/' that does not begin with '.'; required)
---@field cmdline string|Raw # run as bash -c CMDLINE; {{...}} is filled in on the machine (text with {{...}}; at most 1*MB; required)

---@class Process: Process.Changes
---@operator call(Process.Changes): Process

--- What one instance of a task may use.
---@class Resources.Changes
---@field cpu? number # cores; fractions down to 0.001 (number; 0.001 to 1000000; required)
---@field ram? integer # bytes, as in 256*MB; whole MiB (bytes; 1*MB to 1024*TB; required)
---@field disk? integer # bytes, as in 1*GB; whole MiB (bytes; 1*MB to 1024*TB; required)
---@field gpu? integer # whole GPUs (integer; 0 to 1024; default 0)

---@class Resources.Table: Resources.Changes
---@field cpu number # cores; fractions down to 0.001 (number; 0.001 to 1000000; required)
---@field ram integer # bytes, as in 256*MB; whole MiB (bytes; 1*MB to 1024*TB; required)
---@field disk integer # bytes, as in 1*GB; whole MiB (bytes; 1*MB to 1024*TB; required)

---@class Resources: Resources.Changes
---@operator call(Resources.Changes): Resources

--- The order of some processes of a task: order("a", "b").
---@class Constraint.Changes
---@field order? (string|Process)[] # names or processes; each ends before the next starts (list of text; a name without '/' that does not begin with '.'; at most 1024 of them; required)

---@class Constraint.Table: Constraint.Changes
---@field order (string|Process)[] # names or processes; each ends before the next starts (list of text; a name without '/' that does not begin with '.'; at most 1024 of them; required)

---@class Constraint: Constraint.Changes
---@operator call(Constraint.Changes): Constraint

--- What is in the sandbox before the first process starts.
---@class Fetch.Changes
---@field uri? string # a file beside the job file, or http://, https://, file:// (text; a path below the folder, http://, https:// or file:///; required)
---@field sha256? string # what it must hash to (text; 64 lower-case hexadecimal digits)
---@field extract? boolean # unpack the archive (true or false; default false)
---@field executable? boolean # may be run (true or false; default false)
---@field cache? boolean # the machine may keep it (true or false; default false)
---@field output? string # its name in the sandbox; otherwise the last part of uri (text; a name without '/' that does not begin with '.')

---@class Fetch.Table: Fetch.Changes
---@field uri string # a file beside the job file, or http://, https://, file:// (text; a path below the folder, http://, https:// or file:///; required)

---@class Fetch: Fetch.Changes
---@operator call(Fetch.Changes): Fetch

--- An environment variable.
---@class EnvVar.Changes
---@field name? string # letters, digits and _ (text; letters, digits and '_', no digit first; required)
---@field value? string # any text; {{...}} is not substituted here (text; text without '{{': only cmdline is substituted)
---@field secret? string # of secret(): the name of what only the agent knows (text; letters, digits, '_', '.' or '-', at most 63)

---@class EnvVar.Table: EnvVar.Changes
---@field name string # letters, digits and _ (text; letters, digits and '_', no digit first; required)

---@class EnvVar: EnvVar.Changes
---@operator call(EnvVar.Changes): EnvVar

--- Where an instance may run: one_of("a", "b"), none_of("c"), limit(2).
---@class HostConstraint.Changes
---@field attribute? string # of the host; "host" is its name (text; text without control characters)
---@field kind? integer # which of the operators (integer; 1 to 9; required)
---@field values? string[] # of one_of, none_of, like, unlike, cluster_on (list of text; text without control characters; at most 256 of them)
---@field limit? integer # of limit and max_per: most instances of the job on hosts with one value; of group_by: least number of values (integer; 1 to 1000000)

---@class HostConstraint.Table: HostConstraint.Changes
---@field kind integer # which of the operators (integer; 1 to 9; required)

---@class HostConstraint: HostConstraint.Changes
---@operator call(HostConstraint.Changes): HostConstraint

--- A label of a job, for people and programs.
---@class Metadata.Changes
---@field key? string # its name (text; at most 256 bytes; required)
---@field value? string # any text (text; at most 4096 bytes; required)

---@class Metadata.Table: Metadata.Changes
---@field key string # its name (text; at most 256 bytes; required)
---@field value string # any text (text; at most 4096 bytes; required)

---@class Metadata: Metadata.Changes
---@operator call(Metadata.Changes): Metadata

--- Where the output of a process goes.
---@class Logger.Changes
---@field destination? "file"|"console"|"both"|"none" # console: the output of the executor (text; "file", "console", "both", "none"; default "file")
---@field mode? "standard"|"rotate" # standard: one file that grows (text; "standard", "rotate"; default "rotate")
---@field rotate? Rotate|Rotate.Table # when mode is rotate (Rotate)

---@class Logger.Table: Logger.Changes

---@class Logger: Logger.Changes
---@operator call(Logger.Changes): Logger

--- When a log is put aside, and how many are kept.
---@class Rotate.Changes
---@field log_size? integer # bytes; a file that reached it is put aside (integer; 1024 to 1*TB; default 100*MB)
---@field backups? integer # files kept besides the one being written (integer; 0 to 1000; default 5)

---@class Rotate.Table: Rotate.Changes

---@class Rotate: Rotate.Changes
---@operator call(Rotate.Changes): Rotate

--- How to see that an instance is well; one of http, tcp, shell, lua.
---@class HealthCheck.Changes
---@field http? HttpCheck|HttpCheck.Table # asks over HTTP; this one, unless another is given (HttpCheck)
---@field tcp? TcpCheck|TcpCheck.Table|string # connects to a port (TcpCheck)
---@field shell? ShellCheck|ShellCheck.Table|string|Raw # runs a command, which must succeed (ShellCheck)
---@field lua? fun(ctx: HealthContext): boolean, string? # function(ctx) that returns true when all is well (function)
---@field health_checker? HealthCheckerConfig|HealthCheckerConfig.Table # Aurora's place of http and shell (HealthCheckerConfig)
---@field initial_interval_secs? number # seconds in which failures are forgiven (number; 0 to 86400; default 15)
---@field interval_secs? number # seconds between two checks (number; 0.1 to 86400; default 10)
---@field timeout_secs? number # seconds until a check without an answer has failed (number; 0.001 to 3600; default 1)
---@field max_consecutive_failures? integer # tolerated in a row; one more and the instance has failed (integer; 0 to 100000; default 0)
---@field min_consecutive_successes? integer # in a row until the instance is RUNNING (integer; 0 to 100000; default 1)

---@class HealthCheck.Table: HealthCheck.Changes

---@class HealthCheck: HealthCheck.Changes
---@operator call(HealthCheck.Changes): HealthCheck

--- A health check that asks the instance over HTTP, on localhost.
---@class HttpCheck.Changes
---@field port? string # a port's name; else health, the announced one, or the only one (text; the name of a port: letters, digits, '_', '.' or '-')
---@field endpoint? string # the path to ask for (text; a path that begins with '/', without spaces; default "/health")
---@field expected_response? string # the body, whatever its case and the space around it; "": any (text; at most 4096 bytes; default "ok")
---@field expected_response_code? integer # the status code; 0: any (integer; 0 to 599; default 0)

---@class HttpCheck.Table: HttpCheck.Changes

---@class HttpCheck: HttpCheck.Changes
---@operator call(HttpCheck.Changes): HttpCheck

--- A health check that connects to a port of the instance.
---@class TcpCheck.Changes
---@field port? string # a port's name; else health, the announced one, or the only one (text; the name of a port: letters, digits, '_', '.' or '-')

---@class TcpCheck.Table: TcpCheck.Changes

---@class TcpCheck: TcpCheck.Changes
---@operator call(TcpCheck.Changes): TcpCheck

--- A health check that runs a command as the role, in the sandbox.
---@class ShellCheck.Changes
---@field shell_command? string|Raw # run as bash -c COMMAND; {{...}} is filled in on the machine (text with {{...}}; at most 1*MB; required)

---@class ShellCheck.Table: ShellCheck.Changes
---@field shell_command string|Raw # run as bash -c COMMAND; {{...}} is filled in on the machine (text with {{...}}; at most 1*MB; required)

---@class ShellCheck: ShellCheck.Changes
---@operator call(ShellCheck.Changes): ShellCheck

--- Aurora's way to say which health check it is.
---@class HealthCheckerConfig.Changes
---@field http? HttpCheck|HttpCheck.Table # asks over HTTP (HttpCheck)
---@field shell? ShellCheck|ShellCheck.Table|string|Raw # runs a command (ShellCheck)

---@class HealthCheckerConfig.Table: HealthCheckerConfig.Changes

---@class HealthCheckerConfig: HealthCheckerConfig.Changes
---@operator call(HealthCheckerConfig.Changes): HealthCheckerConfig

--- How an instance is asked to end; without http it gets signals only.
---@class Lifecycle.Changes
---@field http? HttpLifecycle|HttpLifecycle.Table # asked over HTTP first, when the task names the port (HttpLifecycle)

---@class Lifecycle.Table: Lifecycle.Changes

---@class Lifecycle: Lifecycle.Changes
---@operator call(Lifecycle.Changes): Lifecycle

--- The addresses that end an instance; then come SIGTERM and SIGKILL.
---@class HttpLifecycle.Changes
---@field port? string # a port's name (text; the name of a port: letters, digits, '_', '.' or '-'; default "health")
---@field graceful_shutdown_endpoint? string # the path asked first (text; a path that begins with '/', without spaces; default "/quitquitquit")
---@field graceful_shutdown_wait_secs? integer # seconds to wait afterwards (integer; 0 to 3600; default 5)
---@field shutdown_endpoint? string # the path asked then (text; a path that begins with '/', without spaces; default "/abortabortabort")
---@field shutdown_wait_secs? integer # seconds to wait afterwards (integer; 0 to 3600; default 5)

---@class HttpLifecycle.Table: HttpLifecycle.Changes

---@class HttpLifecycle: HttpLifecycle.Changes
---@operator call(HttpLifecycle.Changes): HttpLifecycle

--- How the instances are found in service discovery.
---@class Announcer.Changes
---@field primary_port? string # the port that others connect to (text; the name of a port: letters, digits, '_', '.' or '-'; default "http")
---@field portmap? table<string, PortAlias|string|integer> # further names = a port's name, or a number (dedicated hosts only); aurora is the primary port, unless given (table of names and PortAlias; at most 256 of them)
---@field zk_path? string # where in ZooKeeper; the cluster's own place, unless given (text; a path that begins with '/')

---@class Announcer.Table: Announcer.Changes

---@class Announcer: Announcer.Changes
---@operator call(Announcer.Changes): Announcer

--- Another name of a port, or a port that is always the same.
---@class PortAlias.Changes
---@field name? string # what it is called (text; the name of a port: letters, digits, '_', '.' or '-'; required)
---@field target? string # the name of a port (text; the name of a port: letters, digits, '_', '.' or '-')
---@field port? integer # a number, which is not allocated (integer; 1 to 65535)

---@class PortAlias.Table: PortAlias.Changes
---@field name string # what it is called (text; the name of a port: letters, digits, '_', '.' or '-'; required)

---@class PortAlias: PortAlias.Changes
---@operator call(PortAlias.Changes): PortAlias

--- How a change of the job is rolled out over its instances.
---@class Update.Changes
---@field batch_size? integer # instances that change at once (integer; 1 to 100000; default 1)
---@field update_strategy? QueueUpdateStrategy|BatchUpdateStrategy|VariableBatchUpdateStrategy|Surge # in which steps; a queue of batch_size, unless given (QueueUpdateStrategy or BatchUpdateStrategy or VariableBatchUpdateStrategy or Surge; also strategy)
---@field strategy? QueueUpdateStrategy|BatchUpdateStrategy|VariableBatchUpdateStrategy|Surge # in which steps; a queue of batch_size, unless given (QueueUpdateStrategy or BatchUpdateStrategy or VariableBatchUpdateStrategy or Surge; also strategy)
---@field watch_secs? integer # seconds an instance must stay RUNNING to count as updated (integer; 0 to 86400; default 45)
---@field max_per_shard_failures? integer # restarts of one instance until it counts as failed (integer; 0 to 20000; default 0)
---@field max_total_failures? integer # failed instances until the update fails; below instances (integer; 0 to 100000; default 0)
---@field rollback_on_failure? boolean # go back to the old configuration when the update fails (true or false; default true)
---@field pulse_interval_secs? integer # wait for somebody's pulse at least this often (integer; 60 to 86400)
---@field sla_aware? boolean # take no instance that sla_policy wants; needs one (true or false; default false)
---@field canary? Canary|Canary.Table # a first batch that is judged by itself (Canary)
---@field wait_for_batch_completion? boolean # true: update_strategy is BatchUpdateStrategy (true or false; default false)

---@class Update.Table: Update.Changes

---@class Update: Update.Changes
---@operator call(Update.Changes): Update

--- The next instance changes as soon as one is done.
---@class QueueUpdateStrategy.Changes
---@field batch_size? integer # instances that change at once (integer; 1 to 100000; default 1)

---@class QueueUpdateStrategy.Table: QueueUpdateStrategy.Changes

---@class QueueUpdateStrategy: QueueUpdateStrategy.Changes
---@operator call(QueueUpdateStrategy.Changes): QueueUpdateStrategy

--- A batch is done before the next begins.
---@class BatchUpdateStrategy.Changes
---@field batch_size? integer # instances that change at once (integer; 1 to 100000; default 1)
---@field autopause_after_batch? boolean # pause after each batch until somebody resumes (true or false; default false)

---@class BatchUpdateStrategy.Table: BatchUpdateStrategy.Changes

---@class BatchUpdateStrategy: BatchUpdateStrategy.Changes
---@operator call(BatchUpdateStrategy.Changes): BatchUpdateStrategy

--- Batches of different sizes; each is done before the next begins.
---@class VariableBatchUpdateStrategy.Changes
---@field batch_sizes? integer[] # in turn; the last one again until all are done (list of integers; each 1 to 100000; at most 1000 of them; required)
---@field autopause_after_batch? boolean # pause after each batch until somebody resumes (true or false; default false)

---@class VariableBatchUpdateStrategy.Table: VariableBatchUpdateStrategy.Changes
---@field batch_sizes integer[] # in turn; the last one again until all are done (list of integers; each 1 to 100000; at most 1000 of them; required)

---@class VariableBatchUpdateStrategy: VariableBatchUpdateStrategy.Changes
---@operator call(VariableBatchUpdateStrategy.Changes): VariableBatchUpdateStrategy

--- New instances come before old ones go.
---@class Surge.Changes
---@field minimum_health_capacity? number # share of the instances that stays healthy all the time (number; 0 to 1; default 1)
---@field maximum_over_capacity? number # share of the instances that may run in addition (number; 0 to 1; default 1)

---@class Surge.Table: Surge.Changes

---@class Surge: Surge.Changes
---@operator call(Surge.Changes): Surge

--- A first batch of an update that is judged by itself.
---@class Canary.Changes
---@field instances? integer # how many change first (integer; 1 to 100000; default 1)
---@field watch_secs? integer # seconds they must stay RUNNING before the rest follows (integer; 0 to 604800; default 300)
---@field max_failures? integer # of them, that may fail (integer; 0 to 100000; default 0)

---@class Canary.Table: Canary.Changes

---@class Canary: Canary.Changes
---@operator call(Canary.Changes): Canary

--- When a job runs; schedule or after.
---@class Cron.Changes
---@field schedule? string # minute hour day month weekday, or R/2026-11-20T22:00:00Z/PT10M (text; five fields: minute hour day month weekday, or a repeating interval: R/2026-11-20T22:00:00Z/PT10M)
---@field timezone? string # as in Europe/Paris; the cluster's, unless given (text; a time zone's name, as in Europe/Paris)
---@field collision_policy? "KILL_EXISTING"|"CANCEL_NEW"|"RUN_OVERLAP" # when the last run is still there (text; "KILL_EXISTING", "CANCEL_NEW", "RUN_OVERLAP"; default "KILL_EXISTING")
---@field epsilon? integer # seconds a missed run may still start late (integer; 0 to 31536000)
---@field retries? integer # further tries of a run that failed (integer; 0 to 1000; default 0)
---@field after? string|string[] # keys of jobs: runs when each had a success since (list of text; a job's key: cluster/role/environment/name; at most 64 of them; or one alone)
---@field catch_up? "NONE"|"LAST"|"ALL" # which missed runs start when the scheduler was down (text; "NONE", "LAST", "ALL"; default "NONE")

---@class Cron.Table: Cron.Changes

---@class Cron: Cron.Changes
---@operator call(Cron.Changes): Cron

--- What the processes run in; their machine itself, unless given.
---@class Container.Changes
---@field docker? Docker|Docker.Table # a container of the Docker daemon (Docker)
---@field mesos? Mesos|Mesos.Table # Aurora's place of image and volumes (Mesos)
---@field image? DockerImage|AppcImage # the file system, without a Docker daemon (DockerImage or AppcImage)
---@field volumes? (Volume|Volume.Table)[] # folders that are seen inside (list of Volume; at most 256 of them)

---@class Container.Table: Container.Changes

---@class Container: Container.Changes
---@operator call(Container.Changes): Container

--- A container of the Docker daemon.
---@class Docker.Changes
---@field image? string # as in docker run (text; text without spaces; required)
---@field parameters? (Parameter|Parameter.Table)[] # of docker run: Parameter { name = "volume", value = "/x:/y" } (list of Parameter; at most 256 of them)

---@class Docker.Table: Docker.Changes
---@field image string # as in docker run (text; text without spaces; required)

---@class Docker: Docker.Changes
---@operator call(Docker.Changes): Docker

--- An option of docker run.
---@class Parameter.Changes
---@field name? string # without the dashes (text; text without spaces; required)
---@field value? string # any text (text; at most 4096 bytes; required)

---@class Parameter.Table: Parameter.Changes
---@field name string # without the dashes (text; text without spaces; required)
---@field value string # any text (text; at most 4096 bytes; required)

---@class Parameter: Parameter.Changes
---@operator call(Parameter.Changes): Parameter

--- A file system from a Docker registry.
---@class DockerImage.Changes
---@field name? string # registry and repository (text; text without spaces; required)
---@field tag? string # tag, or digest (text; text without spaces; required)

---@class DockerImage.Table: DockerImage.Changes
---@field name string # registry and repository (text; text without spaces; required)
---@field tag string # tag, or digest (text; text without spaces; required)

---@class DockerImage: DockerImage.Changes
---@operator call(DockerImage.Changes): DockerImage

--- A file system by the App Container specification.
---@class AppcImage.Changes
---@field name? string # of the image (text; text without spaces; required)
---@field image_id? string # its hash, as in sha512-... (text; text without spaces; required)

---@class AppcImage.Table: AppcImage.Changes
---@field name string # of the image (text; text without spaces; required)
---@field image_id string # its hash, as in sha512-... (text; text without spaces; required)

---@class AppcImage: AppcImage.Changes
---@operator call(AppcImage.Changes): AppcImage

--- A folder of the machine, or a persistent volume, inside.
---@class Volume.Changes
---@field container_path? string # where it is seen (text; a path that begins with '/'; required)
---@field host_path? string # a folder of the machine (text; a path that begins with '/')
---@field mode? "RO"|"RW" # RO: read only (text; "RO", "RW"; default "RW")
---@field name? string # of a persistent volume, which outlives the instance (text; letters, digits, '_', '.' or '-', at most 63)
---@field size? integer # bytes of a persistent volume, as in 10*GB (bytes; 1*MB to 1024*TB)

---@class Volume.Table: Volume.Changes
---@field container_path string # where it is seen (text; a path that begins with '/'; required)

---@class Volume: Volume.Changes
---@operator call(Volume.Changes): Volume

--- A container of the agent itself.
---@class Mesos.Changes
---@field image? DockerImage|AppcImage # the file system; the machine's own, unless given (DockerImage or AppcImage)
---@field volumes? (Volume|Volume.Table)[] # folders that are seen inside (list of Volume; at most 256 of them)

---@class Mesos.Table: Mesos.Changes

---@class Mesos: Mesos.Changes
---@operator call(Mesos.Changes): Mesos

--- What becomes of an instance whose agent is out of reach.
---@class Partition.Changes
---@field reschedule? boolean # false: wait for its agent for ever (true or false; default true)
---@field delay_secs? integer # seconds to wait before it counts as lost (integer; 0 to 31536000; default 0)

---@class Partition.Table: Partition.Changes

---@class Partition: Partition.Changes
---@operator call(Partition.Changes): Partition

--- What maintenance leaves running; one of count, percentage, coordinator_url.
---@class Sla.Changes
---@field count? integer # instances that keep running (integer; 1 to 100000)
---@field percentage? number # of the instances, that keep running (number; 0.001 to 100)
---@field duration_secs? integer # seconds an instance runs until it counts (integer; 0 to 604800)
---@field coordinator_url? string # a service that is asked each time (text; an address that begins with http:// or https://)
---@field status_key? string # of its answer; drain, unless given (text; at most 256 bytes)

---@class Sla.Table: Sla.Changes

---@class Sla: Sla.Changes
---@operator call(Sla.Changes): Sla

--- Maintenance leaves a number of instances running.
---@class CountSlaPolicy.Changes
---@field count? integer # instances that keep running; fewer than there are (integer; 1 to 100000; required)
---@field duration_secs? integer # seconds an instance runs until it counts (integer; 0 to 604800; required)

---@class CountSlaPolicy.Table: CountSlaPolicy.Changes
---@field count integer # instances that keep running; fewer than there are (integer; 1 to 100000; required)
---@field duration_secs integer # seconds an instance runs until it counts (integer; 0 to 604800; required)

---@class CountSlaPolicy: CountSlaPolicy.Changes
---@operator call(CountSlaPolicy.Changes): CountSlaPolicy

--- Maintenance leaves a share of the instances running.
---@class PercentageSlaPolicy.Changes
---@field percentage? number # of the instances, that keep running; at least one may go (number; 0.001 to 100; required)
---@field duration_secs? integer # seconds an instance runs until it counts (integer; 0 to 604800; required)

---@class PercentageSlaPolicy.Table: PercentageSlaPolicy.Changes
---@field percentage number # of the instances, that keep running; at least one may go (number; 0.001 to 100; required)
---@field duration_secs integer # seconds an instance runs until it counts (integer; 0 to 604800; required)

---@class PercentageSlaPolicy: PercentageSlaPolicy.Changes
---@operator call(PercentageSlaPolicy.Changes): PercentageSlaPolicy

--- Maintenance asks a service before it takes an instance.
---@class CoordinatorSlaPolicy.Changes
---@field coordinator_url? string # what is asked (text; an address that begins with http:// or https://; required)
---@field status_key? string # of its answer: true lets the instance go (text; at most 256 bytes; default "drain")

---@class CoordinatorSlaPolicy.Table: CoordinatorSlaPolicy.Changes
---@field coordinator_url string # what is asked (text; an address that begins with http:// or https://; required)

---@class CoordinatorSlaPolicy: CoordinatorSlaPolicy.Changes
---@operator call(CoordinatorSlaPolicy.Changes): CoordinatorSlaPolicy

--- Who hears of the job; one of url, email, script.
---@class Notify.Changes
---@field on? "started"|"finished"|"failed"|"lost"|"killed"|"updated"|"sla"|("started"|"finished"|"failed"|"lost"|"killed"|"updated"|"sla")[] # of what: failed, sla, ... (list of text; "started", "finished", "failed", "lost", "killed", "updated", "sla"; at most 16 of them; required; or one alone)
---@field url? string # gets a POST (text; an address that begins with http:// or https://)
---@field email? string # gets a mail (text; an address: name@host)
---@field script? fun(event: table): table[] # function(event) that returns a list of requests and mails (function)

---@class Notify.Table: Notify.Changes
---@field on "started"|"finished"|"failed"|"lost"|"killed"|"updated"|"sla"|("started"|"finished"|"failed"|"lost"|"killed"|"updated"|"sla")[] # of what: failed, sla, ... (list of text; "started", "finished", "failed", "lost", "killed", "updated", "sla"; at most 16 of them; required; or one alone)

---@class Notify: Notify.Changes
---@operator call(Notify.Changes): Notify

--- The executor of the job, which is thermos unless given.
---@class ExecutorConfig.Changes
---@field name? string # as in the scheduler's file of executors (text; text without spaces; default "AuroraExecutor")
---@field data? string # handed to it as it is (text; at most 1*MB; default "")

---@class ExecutorConfig.Table: ExecutorConfig.Changes

---@class ExecutorConfig: ExecutorConfig.Changes
---@operator call(ExecutorConfig.Changes): ExecutorConfig

--- Jobs and groups that start in order and end in reverse.
---@class Group.Changes
---@field name? string # unlike those of the jobs and groups beside it (text; letters, digits, '_', '.' or '-', at most 63; required)
---@field jobs? (Job|Group)[] # jobs and groups (list of Job or Group; at most 10000 of them)
---@field depends_on? string|string[] # jobs and groups beside it, or their names: all must be healthy before it starts (list of text; letters, digits, '_', '.' or '-', at most 63; at most 256 of them; or one alone)

---@class Group.Table: Group.Changes
---@field name string # unlike those of the jobs and groups beside it (text; letters, digits, '_', '.' or '-', at most 63; required)

---@class Group: Group.Changes
---@operator call(Group.Changes): Group

--- What the jobs of a role, and of the roles below it, may use in all.
---@class Quota.Changes
---@field role? string # whose (text; letters, digits, '_', '.' or '-', at most 63; required)
---@field parent? string # a role whose quota holds the use of this one, too (text; letters, digits, '_', '.' or '-', at most 63)
---@field production? QuotaAmounts # of jobs of production; unset: what the parent has, or nothing (QuotaAmounts)
---@field all? QuotaAmounts # of jobs of every tier; unset: no bound (QuotaAmounts)

---@class Quota.Table: Quota.Changes
---@field role string # whose (text; letters, digits, '_', '.' or '-', at most 63; required)

---@class Quota: Quota.Changes
---@operator call(Quota.Changes): Quota

--- Bounds of a quota; what is unset has none, but of production cpu, ram, disk and gpus are 0 then.
---@class QuotaAmounts.Changes
---@field cpu? number # cores (number; 0 to 1000000000)
---@field ram? integer # bytes, as in 40*GB; whole MiB (bytes; 0 to 1048576*TB)
---@field disk? integer # bytes, as in 1*TB; whole MiB (bytes; 0 to 1048576*TB)
---@field gpus? integer # whole GPUs (integer; 0 to 1000000000)
---@field ports? integer # ports on hosts (integer; 0 to 1000000000)
---@field tasks? integer # instances (integer; 0 to 1000000000)

---@class QuotaAmounts.Table: QuotaAmounts.Changes

---@class QuotaAmounts: QuotaAmounts.Changes
---@operator call(QuotaAmounts.Changes): QuotaAmounts

--- Who may act for a role, and its share of the cluster.
---@class Role.Changes
---@field name? string # its name (text; letters, digits, '_', '.' or '-', at most 63; required)
---@field weight? number # a role of weight 2 gets twice as much (number; 0.001 to 1000000; default 1)
---@field users? string[] # who may act for it (list of text; letters, digits, '_', '.' or '-', at most 63; at most 10000 of them)

---@class Role.Table: Role.Changes
---@field name string # its name (text; letters, digits, '_', '.' or '-', at most 63; required)

---@class Role: Role.Changes
---@operator call(Role.Changes): Role

--- Somebody who signs in.
---@class User.Changes
---@field name? string # their name (text; letters, digits, '_', '.' or '-', at most 63; required)
---@field roles? string[] # that they may act for (list of text; letters, digits, '_', '.' or '-', at most 63; at most 10000 of them)
---@field password_hash? string # as clusterctl prints it (text; at most 1024 bytes)
---@field permissions? string[] # beyond those of their roles (list of text; text without spaces; at most 1000 of them)

---@class User.Table: User.Changes
---@field name string # their name (text; letters, digits, '_', '.' or '-', at most 63; required)

---@class User: User.Changes
---@operator call(User.Changes): User
