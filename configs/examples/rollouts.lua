-- Three ways to bring a new version of a service to a cluster. Change `version`
-- and start it: clusterctl update start KEY rollouts.lua --wait -p version=2
local version = param("version", { type = "integer", default = 1, min = 1, help = "what is rolled out" })

local function service(name, fields)
  fields.cluster, fields.role, fields.environment = "devcluster", "www-data", "prod"
  fields.name, fields.production = name, true
  fields.task = SimpleTask {
    name = name,
    cmdline = "echo version " .. version .. "; exec sleep 100000",
    resources = Resources { cpu = 0.05, ram = 16*MB, disk = 16*MB },
  }
  return Service(fields)
end

-- New instances beside old ones, one more than four at a time; an old one goes
-- when a new one has run for ten seconds.
local surge = service("surge", {
  instances = 4,
  update = Update {
    strategy = Surge { minimum_health_capacity = 1, maximum_over_capacity = 0.25 },
    watch_secs = 10,
  },
})

-- One instance first. When it fails within half a minute it goes back by
-- itself; otherwise the others follow, two at a time.
local canary = service("canary", {
  instances = 5,
  update = Update {
    batch_size = 2, watch_secs = 5,
    canary = Canary { instances = 1, watch_secs = 30 },
  },
})

-- As many at a time as the promise of the job allows: 90 % of the instances
-- have run for at least a minute.
local promised = service("promised", {
  instances = 20,
  sla_policy = PercentageSlaPolicy { percentage = 90, duration_secs = 1*mins },
  update = Update { batch_size = 20, watch_secs = 5, sla_aware = true },
})

return { surge, canary, promised }
