local task = Task { -- expect: missing field 'resources'
  processes = { Process { name = "a", cmdline = "true" } },
  user = "root", -- expect: 'user' is refused: a task runs as the role of its job
}
local job = Service { cluster = "c", role = "r", environment = "test",
  task = SimpleTask("hello", "true"),
  enable_hooks = true, -- expect: 'enable_hooks' is refused: the client has no hooks
  task_links = {}, -- expect: 'task_links' is refused: the scheduler makes the links itself
  constraints = {
    rack = unique(), -- expect: 'unique' is understood, but this cluster cannot do it yet
    host = like("a.*"), -- expect: 'like' is understood, but this cluster cannot do it yet
  },
}
local group = Group { name = "g" } -- expect: 'Group' is understood, but this cluster cannot do it yet
local all = Tasks.combine(task, task) -- expect: 'Tasks.combine' is understood, but this cluster cannot do it yet
local password = secret("x") -- expect: 'secret' is understood, but this cluster cannot do it yet
return { job, group }
