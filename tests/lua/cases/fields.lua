local server = Process {
  name = "server",
  cmdlin = "true", -- expect: unknown field 'cmdlin', did you mean 'cmdline'?
  cmdline = "true",
  max_failures = 1.5, -- expect: 'max_failures' is 1.5: want an integer from 0 to 1000000
  min_duration = "5", -- expect: 'min_duration' is the string '5': want an integer
  daemon = 1, -- expect: 'daemon' is 1: want true or false
  final = "yes", -- expect: 'final' is the string 'yes': want true or false
  logger = { mode = "rotate" }, -- expect: 'logger' is a table: want a Logger
}
local nameless = Process { -- expect: missing field 'name': want a name without '/'
  cmdline = "true",
}
local badly_named = Process {
  name = "a/b", -- expect: 'name' is 'a/b': want a name without '/'
  cmdline = "", -- expect: 'cmdline' is '': want at least one character
}
local hidden = Process { cmdline = "true",
  name = ".hidden", -- expect: 'name' is '.hidden'
}
local small = Resources {
  cpu = 0, -- expect: 'cpu' is 0: want a number from 0.001 to 1000000
  ram = 1*MB - 1, -- expect: 'ram' is 1048575: want bytes, from 1*MB to 1024*TB
  disk = -1, -- expect: 'disk' is -1: want bytes, from 1*MB to 1024*TB
  gpu = 0.5, -- expect: 'gpu' is 0.5: want an integer from 0 to 1024
}
local logger = Logger {
  destination = "files", -- expect: 'destination' is 'files': want 'file', 'console', 'both' or 'none', did you mean 'file'?
  mode = 3, -- expect: 'mode' is 3: want 'standard' or 'rotate'
  rotate = Rotate {
    log_size = 1, -- expect: 'log_size' is 1: want an integer from 1024
  },
}
local no_table = Task("web") -- expect: Task takes one table, got string
local two = Task({}, {}) -- expect: Task takes one table, got 2 values
local none = Task() -- expect: Task takes one table, got nothing
local positional = Process { "a", name = "b", cmdline = "c" } -- expect: a string without a name: want name = value
return {}
