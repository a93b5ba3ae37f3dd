local a = Process { nam = "a", cmdline = "true", name = "a" } -- expect: unknown field 'nam'
web = 5
local b = wbe -- expect: undefined name 'wbe', did you mean 'web'?
