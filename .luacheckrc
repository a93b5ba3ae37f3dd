std = "lua54"
max_line_length = 100
exclude_files = {
  "tests/lua/cases", -- full of mistakes, on purpose
  "tests/fuzz/corpus", -- likewise
  "lua/stdlib/meta", -- generated, and no code
}
files["tests/**/*_spec.lua"] = { std = "lua54+busted" }
files["tests/e2e/two_users.lua"] = { std = "lua54+busted" } -- two_users_spec.lua loads it
-- Job files and daemon configurations see names of their own.
stds.perigee = dofile "lua/stdlib/luacheck.lua"
local job_file = {
  std = "perigee", max_line_length = 130, allow_defined_top = true, ignore = { "131" },
}
files["configs/examples"] = job_file
-- What stands beside a job file and tests it sees its jobs besides.
files["configs/examples/*_test.lua"] = {
  read_globals = { "expect", "test", "evaluate", "jobs", "web" },
}
files["configs/examples/outputenv"] = { std = "lua54" } -- a program
files["lua/stdlib/templates"] = job_file
files["lua/stdlib/tasks.lua"] = job_file
local daemon = {
  std = "lua54", max_line_length = 100,
  allow_defined_top = true, ignore = { "131" }, read_globals = { "env", "host" },
}
for _, name in ipairs { "master", "agent", "aurora" } do
  files["configs/examples/" .. name .. ".lua"] = daemon
end
