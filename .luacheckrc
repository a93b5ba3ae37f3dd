std = "lua54"
max_line_length = 100
exclude_files = { "tests/lua/cases" } -- full of mistakes, on purpose
files["tests/**/*_spec.lua"] = { std = "lua54+busted" }
-- Job files and daemon configurations see names of their own.
local job_file = {
  max_line_length = 130,
  read_globals = {
    "Constraint", "Env", "Fetch", "Job", "Logger", "Metadata", "Process", "Resources",
    "Rotate", "SequentialTask", "Service", "SimpleTask", "Task",
    "extend", "import", "limit", "none_of", "one_of", "order", "param", "raw", "unset",
    "KB", "MB", "GB", "TB", "secs", "mins", "hours", "days",
  },
}
for _, name in ipairs { "hello_world", "outputenv", "pipeline" } do
  files["configs/examples/" .. name .. ".lua"] = job_file
end
local daemon = {
  allow_defined_top = true, ignore = { "131" }, read_globals = { "env", "host" },
}
for _, name in ipairs { "master", "agent", "aurora" } do
  files["configs/examples/" .. name .. ".lua"] = daemon
end
