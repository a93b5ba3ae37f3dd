local a = Process { name = "a" } -- expect: missing field 'cmdline'
local b = a.nam .. "x" -- expect: a Process has no 'nam', did you mean 'name'?
local c = Process {}
return {}
