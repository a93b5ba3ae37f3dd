-- Written by lua/generate.lua from lua/stdlib/schema: the standard of job
-- files for luacheck. In a .luacheckrc:
--   stds.perigee = dofile "/usr/local/share/perigee/lua/luacheck.lua"
--   std = "perigee"
return {
  globals = { "jobs" },
  read_globals = { "Announcer", "AppcImage", "BatchUpdateStrategy", "Canary",
    "Constraint", "Container", "CoordinatorSlaPolicy", "CountSlaPolicy", "Cron",
    "DisableLifecycle", "Docker", "DockerImage", "Env", "ExecutorConfig",
    "Fetch", "GB", "Group", "HealthCheck", "HealthCheckConfig",
    "HealthCheckerConfig", "HttpCheck", "HttpHealthChecker", "HttpLifecycle",
    "HttpLifecycleConfig", "Image", "Job", "KB", "Lifecycle", "LifecycleConfig",
    "Logger", "MB", "Mesos", "Metadata", "Mode", "Notify", "Options",
    "Parameter", "Partition", "PartitionPolicy", "PercentageSlaPolicy",
    "Process", "Processes", "QueueUpdateStrategy", "Quota", "QuotaAmounts",
    "Resources", "Role", "Rotate", "RotatePolicy", "SequentialTask", "Service",
    "ShellCheck", "ShellHealthChecker", "SimpleTask", "Sla", "Surge", "TB",
    "Task", "Tasks", "TcpCheck", "Update", "UpdateConfig", "User",
    "VariableBatchUpdateStrategy", "Volume", "assert", "cluster_on",
    "combine_tasks", "concat_tasks", "days", "dedicated", "error", "extend",
    "group_by", "hours", "http", "import", "ipairs", "java_options", "like",
    "limit", "math", "max_per", "mins", "next", "none_of", "one_of", "order",
    "pairs", "param", "pcall", "python_options", "raw", "require", "secret",
    "secs", "select", "sh", "string", "table", "tcp", "tonumber", "tostring",
    "type", "unique", "unlike", "unset", "utf8", "xpcall",
  },
}
