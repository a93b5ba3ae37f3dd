local batch = BatchUpdateStrategy { batch_size = 2 }
local updates = {
  Update { update_strategy = batch,
    batch_size = 2, -- expect: 'batch_size' and 'update_strategy' say two sizes: want the size in the strategy
  },
  Update { update_strategy = batch,
    wait_for_batch_completion = true, -- expect: say two strategies: want BatchUpdateStrategy alone
  },
  Update { pulse_interval_secs = 59 }, -- expect: 'pulse_interval_secs' is 59: want an integer from 60
  Update { watch_secs = -1 }, -- expect: 'watch_secs' is -1: want an integer from 0
  Update { strategy = 5 }, -- expect: 'strategy' is 5: want a QueueUpdateStrategy, BatchUpdateStrategy, VariableBatchUpdateStrategy or Surge
  VariableBatchUpdateStrategy { -- expect: missing field 'batch_sizes': want a list of integers
  },
  VariableBatchUpdateStrategy { batch_sizes = {} }, -- expect: 'batch_sizes' has 0 elements: want at least one
  VariableBatchUpdateStrategy { batch_sizes = {
    1,
    0, -- expect: 'batch_sizes[2]' is 0: want an integer from 1
    1.5, -- expect: 'batch_sizes[3]' is 1.5: want an integer from 1
  } },
  Surge { maximum_over_capacity = 1.5 }, -- expect: 'maximum_over_capacity' is 1.5: want a number from 0 to 1
}
local checks = {
  HealthCheck {
    http = {},
    tcp = {}, -- expect: 'http' and 'tcp' cannot be given both: want one of them
  },
  HealthCheck {
    http = {
      endpont = "/", -- expect: unknown field 'endpont', did you mean 'endpoint'?
      expected_response_code = 600, -- expect: 'expected_response_code' is 600: want an integer from 0 to 599
    },
  },
  HealthCheck { http = { endpoint = "health" } }, -- expect: 'endpoint' is 'health': want a path that begins with '/'
  HealthCheck { shell = "a {{mesos.hostnme}}" }, -- expect: nothing binds '{{mesos.hostnme}}': want '{{mesos.hostname}}'
  HealthCheck { shell = {} }, -- expect: missing field 'shell_command'
  HealthCheck { interval_secs = 0 }, -- expect: 'interval_secs' is 0: want a number from 0.1 to 86400
  HealthCheck { max_consecutive_failures = -1 }, -- expect: 'max_consecutive_failures' is -1: want an integer from 0
  HealthCheck { min_consecutive_successes = -1 }, -- expect: 'min_consecutive_successes' is -1: want an integer from 0
  HealthCheck { lua = tostring }, -- expect: 'lua' is a function of the language: want a function that is written
  HealthCheck { lua = "f" }, -- expect: 'lua' is the string 'f': want a function
  HealthCheck { tcp = 5 }, -- expect: 'tcp' is 5: want a TcpCheck or the name of a port
  HealthCheck { tcp = {},
    health_checker = HealthCheckerConfig { http = {} }, -- expect: 'health_checker' says another kind of check
  },
}
local crons = {
  Cron { schedule = "* * * * 7" }, -- expect: 'schedule' is '* * * * 7': day of week '7': want 0 to 6
  Cron { schedule = "R0//P1D" }, -- expect: 'schedule' is 'R0//P1D': repetition 'R0': want at least R1
  Cron { schedule = "* * * * *", timezone = "Paris" }, -- expect: 'timezone' is 'Paris': want a time zone's name, as in Europe/Paris, did you mean 'Europe/Paris'?
  Cron { timezone = "UTC" }, -- expect: missing field 'schedule': want five fields
  Cron { schedule = "* * * * *", after = { "c/r/e/n" } }, -- expect: 'schedule' and 'after' cannot be given both
  Cron { after = { "a/b" } }, -- expect: 'after[1]' is 'a/b': want a job's key: cluster/role/environment/name
  Cron { schedule = "* * * * *", collision_policy = "GARBAGE" }, -- expect: 'collision_policy' is 'GARBAGE': want 'KILL_EXISTING', 'CANCEL_NEW' or 'RUN_OVERLAP'
}
local job = Job { cluster = "c", role = "r", environment = "test", name = "j", task = SimpleTask("t", "true") }
local jobs = {
  job { cron = Cron { schedule = "* * * * *" },
    cron_schedule = "* * * * *" }, -- expect: 'cron_schedule' and 'cron' say the same thing: want one of them
  job { cron_schedule = "* * * *" }, -- expect: 'cron_schedule' is '* * * *': 4 fields: want five
  job { cron_schedule = 5 }, -- expect: 'cron_schedule' is 5: want a string
  job { cron_collision_policy = "KILL_EXISTING" }, -- expect: missing field 'schedule'
  job { update = {}, update_config = {} }, -- expect: 'update' is given under two names: want one of them
  job { place = "host" }, -- expect: 'place' is the string 'host': want a function
  job { container = "nginx" }, -- expect: 'container' is the string 'nginx': want a Container or a Docker or a Mesos
}
return {}
