local task = SimpleTask("hello", "true")
local good = Job { cluster = "c", role = "r", environment = "staging12", task = task }
local bad = Job {
  cluster = "a b", -- expect: 'cluster' is 'a b': want letters, digits, '_', '.' or '-', at most 63
  role = "", -- expect: 'role' is '': want letters
  environment = "production", -- expect: 'environment' is 'production': want prod, devel, test, or staging and digits
  name = "..", -- expect: 'name' is '..': want letters
  instances = 0, -- expect: 'instances' is 0: want an integer from 1
  priority = -1, -- expect: 'priority' is -1: want an integer from 0
  task = task { name = "other" },
}
local contradiction = good { production = true,
  tier = "preemptible", -- expect: 'production' and 'tier' contradict each other
}
local missing = Job {} -- expect: missing field 'cluster' -- expect: missing field 'role' -- expect: missing field 'environment' -- expect: missing field 'task': want a Task
local unnamed = Job { -- expect: the task's name 'a b' cannot be the job's
  cluster = "c", role = "r", environment = "test",
  task = SimpleTask("a b", "true"),
}
local where = good { constraints = {
  a = "limit:none", -- expect: 'constraints.a' is 'limit:none': want limit:N
  b = "", -- expect: 'constraints.b' is '': want 'a,b', '!a,b' or 'limit:N'
  c = "!", -- expect: 'constraints.c' is '!': want 'a,b'
  d = "x,,y", -- expect: 'constraints.d' is 'x,,y'
  e = 5, -- expect: 'constraints.e' is 5: want a HostConstraint
} }
local same = good { instances = 2 } -- expect: two jobs have the key c/r/staging12/hello: want names that differ
return { good, same }
