---@meta _
-- Written by lua/generate.lua from lua/stdlib/schema. For editors only:
-- docs/job-language.md says how an editor finds it.

--- Instances of a task in a cluster.
---@class Job.Changes
---@field cluster? string # where it runs (text; letters, digits, '_', '.', '-'; at most 63; required)
---@field role? string # the user it runs as, and whose quota it uses (text; letters, digits, '_', '.', '-'; at most 63; required)
---@field environment? string # prod, devel, test, or staging and digits (text; prod, devel, test, or staging and digits; required)
---@field name? string # that of the task, unless given (text; letters, digits, '_', '.', '-'; at most 63)
---@field task? Task # what each instance runs (Task; required)
---@field instances? integer # how many; clusters have a limit of their own (integer; 1 to 100000; default 1)
---@field contact? string # whom to ask (text; at most 256 bytes)
---@field service? boolean # started again after any end (true or false; default false)
---@field max_task_failures? integer # failed runs of an instance until it stays failed; -1: no limit (integer; -1 to 1000000; default 1)
---@field priority? integer # higher goes first, within its role (integer; 0 to 1000000; default 0)
---@field production? boolean # tier preferred (true or false; default false)
---@field tier? "preferred"|"preemptible" # preferred, or preemptible (text; "preferred", "preemptible")
---@field constraints? table<string, HostConstraint|string> # attribute of hosts = limit(n), one_of(...), none_of(...) (table of names and HostConstraint; at most 64 of them)
---@field env? table<string, EnvVar|string> # environment variables of all processes (table of names and EnvVar; also environment_variables)
---@field environment_variables? table<string, EnvVar|string> # environment variables of all processes (table of names and EnvVar; also environment_variables)
---@field metadata? table<string, Metadata|string> # labels (table of names and Metadata; at most 256 of them)

---@class Job.Table: Job.Changes
---@field cluster string # where it runs (text; letters, digits, '_', '.', '-'; at most 63; required)
---@field role string # the user it runs as, and whose quota it uses (text; letters, digits, '_', '.', '-'; at most 63; required)
---@field environment string # prod, devel, test, or staging and digits (text; prod, devel, test, or staging and digits; required)
---@field task Task # what each instance runs (Task; required)

---@class Job: Job.Changes
---@operator call(Job.Changes): Job

--- Processes that run together in one sandbox.
---@class Task.Changes
---@field name? string # that of the first process, unless given (text; no '/', no '.' first)
---@field processes? Process[] # what runs; all at once unless ordered (list of Process; at most 256 of them; required)
---@field constraints? Constraint|Constraint[] # order("a", "b"), or a list of them (list of Constraint; at most 1024 of them; or one alone)
---@field resources? Resources # what one instance may use (Resources; required)
---@field max_failures? integer # failed processes that make the task fail; 0: it never does (integer; 0 to 1000; default 1)
---@field max_concurrency? integer # processes that run at once; 0: no limit (integer; 0 to 1000; default 0)
---@field finalization_wait? integer # seconds that ending takes, final processes included (integer; 0 to 3600; default 30)
---@field fetch? Fetch[] # what is in the sandbox before the first process starts (list of Fetch; at most 256 of them)

---@class Task.Table: Task.Changes
---@field processes Process[] # what runs; all at once unless ordered (list of Process; at most 256 of them; required)
---@field resources Resources # what one instance may use (Resources; required)

---@class Task: Task.Changes
---@operator call(Task.Changes): Task

--- A task of one process: SimpleTask { name = ..., cmdline = ... }.
---@class SimpleTask.Changes
---@field name? string # of the task and of its process (text; no '/', no '.' first; required)
---@field cmdline? string|Raw # run as bash -c CMDLINE (text with {{...}}; at most 1048576 bytes; required)
---@field resources? Resources # 1 cpu, 1 GB of ram and of disk, unless given (Resources)
---@field fetch? Fetch[] # what is in the sandbox before it starts (list of Fetch; at most 256 of them)

---@class SimpleTask.Table: SimpleTask.Changes
---@field name string # of the task and of its process (text; no '/', no '.' first; required)
---@field cmdline string|Raw # run as bash -c CMDLINE (text with {{...}}; at most 1048576 bytes; required)

---@class SimpleTask: SimpleTask.Changes
---@operator call(SimpleTask.Changes): SimpleTask

--- One command of a task, run by bash in the sandbox of the task.
---@class Process.Changes
---@field name? string # unique in its task; names the folder of its logs (text; no '/', no '.' first; required)
---@field cmdline? string|Raw # run as bash -c CMDLINE; {{...}} is filled in on the machine (text with {{...}}; at most 1048576 bytes; required)
---@field max_failures? integer # failed runs until it has failed for good; 0: try without limit (integer; 0 to 1000000; default 1)
---@field daemon? boolean # run again after success, too (true or false; default false)
---@field ephemeral? boolean # does not hold the task open; ended with the others (true or false; default false)
---@field min_duration? integer # least seconds between the end of a run and the next (integer; 0 to 86400; default 5)
---@field final? boolean # runs when all ordinary processes have ended (true or false; default false)
---@field logger? Logger # where its output goes (Logger)
---@field env? table<string, EnvVar|string> # environment variables, over those of the job (table of names and EnvVar)

---@class Process.Table: Process.Changes
---@field name string # unique in its task; names the folder of its logs (text; no '/', no '.' first; required)
---@field cmdline string|Raw # run as bash -c CMDLINE; {{...}} is filled in on the machine (text with {{...}}; at most 1048576 bytes; required)

---@class Process: Process.Changes
---@operator call(Process.Changes): Process

--- What one instance of a task may use.
---@class Resources.Changes
---@field cpu? number # cores; fractions down to 0.001 (number; 1 to 1000000000; required)
---@field ram? integer # bytes, as in 256*MB; whole MiB (bytes; 1*MB to 1024*TB; required)
---@field disk? integer # bytes, as in 1*GB; whole MiB (bytes; 1*MB to 1024*TB; required)
---@field gpu? integer # whole GPUs (integer; 0 to 1024; default 0)

---@class Resources.Table: Resources.Changes
---@field cpu number # cores; fractions down to 0.001 (number; 1 to 1000000000; required)
---@field ram integer # bytes, as in 256*MB; whole MiB (bytes; 1*MB to 1024*TB; required)
---@field disk integer # bytes, as in 1*GB; whole MiB (bytes; 1*MB to 1024*TB; required)

---@class Resources: Resources.Changes
---@operator call(Resources.Changes): Resources

--- The order of some processes of a task: order("a", "b").
---@class Constraint.Changes
---@field order? (string|Process)[] # names or processes; each ends before the next starts (list of text; no '/', no '.' first; at most 1024 of them; required)

---@class Constraint.Table: Constraint.Changes
---@field order (string|Process)[] # names or processes; each ends before the next starts (list of text; no '/', no '.' first; at most 1024 of them; required)

---@class Constraint: Constraint.Changes
---@operator call(Constraint.Changes): Constraint

--- What is in the sandbox before the first process starts.
---@class Fetch.Changes
---@field uri? string # a file beside the job file, or http://, https://, file:// (text; a path below the folder, http://, https://, file:///; required)
---@field sha256? string # what it must hash to (text; 64 lower-case hexadecimal digits)
---@field extract? boolean # unpack the archive (true or false; default false)
---@field executable? boolean # may be run (true or false; default false)
---@field cache? boolean # the machine may keep it (true or false; default false)
---@field output? string # its name in the sandbox; otherwise the last part of uri (text; no '/', no '.' first)

---@class Fetch.Table: Fetch.Changes
---@field uri string # a file beside the job file, or http://, https://, file:// (text; a path below the folder, http://, https://, file:///; required)

---@class Fetch: Fetch.Changes
---@operator call(Fetch.Changes): Fetch

--- An environment variable.
---@class EnvVar.Changes
---@field name? string # letters, digits and _ (text; letters, digits, '_'; no digit first; required)
---@field value? string # any text; {{...}} is not substituted here (text; no '{{'; required)

---@class EnvVar.Table: EnvVar.Changes
---@field name string # letters, digits and _ (text; letters, digits, '_'; no digit first; required)
---@field value string # any text; {{...}} is not substituted here (text; no '{{'; required)

---@class EnvVar: EnvVar.Changes
---@operator call(EnvVar.Changes): EnvVar

--- Where an instance may run: one_of("a", "b"), none_of("c"), limit(2).
---@class HostConstraint.Changes
---@field attribute? string # of the host; "host" is its name (text; no control characters)
---@field kind? integer # one_of, none_of or limit (integer; 1 to 3; required)
---@field values? string[] # of one_of and none_of (list of text; no control characters; at most 256 of them)
---@field limit? integer # most instances of the job on hosts with one value (integer; 1 to 1000000)

---@class HostConstraint.Table: HostConstraint.Changes
---@field kind integer # one_of, none_of or limit (integer; 1 to 3; required)

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
---@field rotate? Rotate # when mode is rotate (Rotate)

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
