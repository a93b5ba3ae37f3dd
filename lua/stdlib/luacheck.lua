-- Written by lua/generate.lua from lua/stdlib/schema: the standard of job
-- files for luacheck. In a .luacheckrc:
--   stds.perigee = dofile "/usr/local/share/perigee/lua/luacheck.lua"
--   std = "perigee"
return {
  globals = { "jobs" },
  read_globals = { "Constraint", "Env", "Fetch", "GB", "Job", "KB", "Logger",
    "MB", "Metadata", "Process", "Resources", "Rotate", "RotatePolicy",
    "SequentialTask", "Service", "SimpleTask", "TB", "Task", "assert", "days",
    "error", "extend", "hours", "import", "ipairs", "limit", "math", "mins",
    "next", "none_of", "one_of", "order", "pairs", "param", "pcall", "raw",
    "require", "secs", "select", "string", "table", "tonumber", "tostring",
    "type", "unset", "utf8", "xpcall",
  },
}
