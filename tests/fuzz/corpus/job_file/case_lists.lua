local small = Resources { cpu = 1, ram = 1*MB, disk = 1*MB }
local a = Process { name = "a", cmdline = "true" }
local empty = Task { resources = small,
  processes = {}, -- expect: 'processes' has 0 elements: want at least one
}
local single = Task { resources = small,
  processes = a, -- expect: 'processes' is a Process: want a list of Process
}
local mixed = Task { resources = small,
  processes = { a, "b", 3, {} }, -- expect: 'processes[2]' is the string 'b': want a Process -- expect: 'processes[3]' is 3: want a Process -- expect: 'processes[4]' is a table: want a Process
}
local named = Task { resources = small,
  processes = { first = a }, -- expect: 'processes' has a name 'first': want a list
}
local env = Process { name = "e", cmdline = "true",
  env = { A = 1, -- expect: 'env.A' is 1: want a string
  },
}
local ordered = Task { resources = small, processes = { a },
  constraints = { order("a", 5) }, -- expect: 'order[2]' is 5: want a string
}
return {}
