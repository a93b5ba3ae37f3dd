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
--- local common = import "../common.lua"
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
