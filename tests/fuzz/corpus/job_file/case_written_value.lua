local p = Process { name = "a", cmdline = "b" }
local ok, why = pcall(function() p.name = "c" end)
assert(not ok and why:find("call it with a table of changes", 1, true))
p.name = "c" -- expect: a Process cannot be changed: call it with a table of changes for a copy
