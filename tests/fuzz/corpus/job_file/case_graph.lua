local small = Resources { cpu = 1, ram = 1*MB, disk = 1*MB }
local function process(name, more)
  return Process { name = name, cmdline = "true" } (more or {})
end
local a, b, c = process "a", process "b", process "c"
local cycle = Task { resources = small, processes = { a, b, c },
  constraints = { order(a, b), order(b, c), order(c, a) }, -- expect: order has a cycle: a -> b -> c -> a
}
local itself = Task { resources = small, processes = { a, b },
  constraints = order(a, a), -- expect: order has a cycle: a -> a
}
local unknown = Task { resources = small, processes = { process "fetch_package", b },
  constraints = order("fetch_pakage", "b"), -- expect: order names no process: 'fetch_pakage', did you mean 'fetch_package'?
}
local twice = Task { resources = small,
  processes = { a, b, process "a" }, -- expect: two processes are named 'a' (1 and 3): want names that differ
}
local daemon = Task { resources = small, processes = { process("d", { daemon = true }), b },
  constraints = order("d", "b"), -- expect: 'b' waits for the daemon 'd'
}
local ephemeral = Task { resources = small, processes = { process("e", { ephemeral = true }), b },
  constraints = order("e", "b"), -- expect: 'b' waits for the ephemeral 'e'
}
local both_ephemeral = Task { resources = small,
  processes = { process("e", { ephemeral = true }), process("f", { ephemeral = true }), b },
  constraints = order("e", "f"),
}
local final = Task { resources = small, processes = { process("f", { final = true }), b },
  constraints = order("b", "f"), -- expect: order mixes 'b' and 'f', of which one is final
}
local finals = Task { resources = small,
  processes = { process("f", { final = true }), process("g", { final = true }), b },
  constraints = order("f", "g"),
}
local sequential = SequentialTask { resources = small, processes = { a, b },
  constraints = order(b, a), -- expect: a SequentialTask has an order already
}
return {}
