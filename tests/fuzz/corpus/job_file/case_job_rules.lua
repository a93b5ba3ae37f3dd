local task = SimpleTask("t", "serve {{thermos.ports[http]}}")
local plain = SimpleTask("t", "true")
local base = Job { cluster = "c", role = "r", environment = "test", name = "base", task = task }
local function job(name) return base { name = name } end
return {
  base,
  job "cron" {
    service = true,
    cron = Cron { schedule = "* * * * *" }, -- expect: a service cannot have a cron schedule: want Job
  },
  job "failures" {
    max_task_failures = 0, -- expect: 'max_task_failures' is 0: want at least 1, or -1 for no limit
  },
  job "itself" {
    cron = Cron { after = "c/r/test/itself" }, -- expect: the job waits for itself: want other jobs
  },
  job "total" {
    instances = 3,
    update = { max_total_failures = 3 }, -- expect: 'max_total_failures' is 3 of 3 instances: want less than instances
  },
  job "restarts" {
    instances = 1000,
    update = { max_per_shard_failures = 21 }, -- expect: 'max_per_shard_failures' times instances is over 20000
  },
  job "share" {
    instances = 100, constraints = { dedicated = "r/x" },
    update = { max_total_failures = 1 }, -- expect: 'max_total_failures' is 1 for a dedicated job of 100: want at least 2, 2 %
  },
  job "aware" {
    update = {
      sla_aware = true, -- expect: 'sla_aware' without a policy: want sla_policy
    },
  },
  job "canaries" {
    update = { canary = {
      instances = 2, -- expect: more canaries than instances: want at most instances
    } },
  },
  job "count" {
    instances = 20,
    sla_policy = CountSlaPolicy { count = 20, duration_secs = 60 }, -- expect: 'count' keeps 20 of 20 instances running
  },
  job "percentage" {
    instances = 20,
    sla_policy = PercentageSlaPolicy { percentage = 95.1, duration_secs = 60 }, -- expect: 'percentage' lets none of 20 instances go
  },
  job "enough" {
    instances = 20, sla_policy = PercentageSlaPolicy { percentage = 95, duration_secs = 60 },
  },
  job "other_role" {
    constraints = {
      dedicated = "q/x", -- expect: 'q/x' is not dedicated to the role 'r': want the job's role, or */name
    },
  },
  job "two_roles" {
    constraints = {
      dedicated = "r/x,r/y", -- expect: 'dedicated' is not one value: want dedicated = "role/name"
    },
  },
  job "any_role" { constraints = { dedicated = dedicated("*/x") } },
  job "own_role" { constraints = { dedicated = "r" } },
  job "static" {
    announce = { portmap = {
      admin = 8080, -- expect: the port 'admin' is always 8080, on hosts shared with others
    } },
  },
  job "own_static" {
    announce = { portmap = { admin = 8080, health = "admin" } },
    constraints = { dedicated = "r/x" },
  },
  job "circle" {
    announce = {
      portmap = {
        a = "b", b = "c", c = "a", -- expect: the port 'a' is another name of itself
      },
    },
  },
  job "primary" {
    announce = {
      primary_port = "admin", -- expect: the port 'admin' is named by nothing in the task
    },
  },
  job "alias" { announce = { primary_port = "web", portmap = { web = "http" } } },
  job "check" {
    health_check = { http = {
      port = "htp", -- expect: the port 'htp' is named by nothing in the task: want a command with its
    } },
  },
  job "no_port" {
    task = plain,
    health_check = { tcp = {} }, -- expect: no port for the health check: want port = NAME
  },
  job "lifecycle" {
    lifecycle = { http = {
      port = "admin", -- expect: the port 'admin' is named by nothing in the task
    } },
  },
  job "own_name" {
    name = "base", -- expect: two jobs have the key c/r/test/base: want names that differ
  },
}
