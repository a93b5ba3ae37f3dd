local task = SimpleTask("hello", "true")
local job = Service { cluster = "c", role = "r", environment = "test", task = task,
  update = Update { batch_size = 2 }, -- expect: 'Update' is understood, but this cluster cannot do it yet
  health_check = HealthCheck { http = {} }, -- expect: 'HealthCheck' is understood, but this cluster cannot do it yet
  place = function(host) return host end, -- expect: 'place' is understood, but this cluster cannot do it yet
  cron_schedule = "* * * * *", -- expect: 'cron_schedule' is understood, but this cluster cannot do it yet
  announce = Announcer { primary_port = "http" }, -- expect: 'Announcer' is understood, but this cluster cannot do it yet
  container = Docker { image = "x" }, -- expect: 'Docker' is understood, but this cluster cannot do it yet
  constraints = {
    rack = unique(), -- expect: 'unique' is understood, but this cluster cannot do it yet
    host = like("a.*"), -- expect: 'like' is understood, but this cluster cannot do it yet
  },
}
local group = Group { name = "g" } -- expect: 'Group' is understood, but this cluster cannot do it yet
local all = Tasks.combine(task, task) -- expect: 'Tasks.combine' is understood, but this cluster cannot do it yet
local password = secret("x") -- expect: 'secret' is understood, but this cluster cannot do it yet
return { job, group }
