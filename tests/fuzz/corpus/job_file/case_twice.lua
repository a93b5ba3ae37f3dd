local a = Process {
  name = "a",
  cmdline = "true",
  ["name"] = "b", -- expect: 'name' stands twice in one table: first in line 2
}
local b = Process { name = "b", cmdline = "x; y = 1", env = { name = "c", y = "d" } }
return {}
