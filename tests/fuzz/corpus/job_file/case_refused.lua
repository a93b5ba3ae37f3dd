local task = Task { -- expect: missing field 'resources'
  processes = { Process { name = "a", cmdline = "true" } },
  user = "root", -- expect: 'user' is refused: a task runs as the role of its job
}
local job = Service { cluster = "c", role = "r", environment = "test",
  task = SimpleTask("hello", "true"),
  enable_hooks = true, -- expect: 'enable_hooks' is refused: the client has no hooks
  task_links = {}, -- expect: 'task_links' is refused: the scheduler makes the links itself
}
return { job }
