-- Jobs that the clock starts, every few seconds, and jobs that follow them.
--
--   clusterctl apply configs/examples/cron/seconds.lua
--   clusterctl cron show
--   clusterctl cron graph
--   clusterctl cron history devcluster/www-data/test/fetch
--
--   fetch (every 2 seconds) ---> clean ---+
--                           \             +--> report, when both had a success
--                            +-> count ---+

local every = param("every", { type = "integer", default = 2, min = 1, max = 3600,
  help = "seconds between two fetches" })

local function job(name, cmdline, cron)
  return Job {
    cluster = "devcluster", role = "www-data", environment = "test", name = name, cron = cron,
    task = SimpleTask {
      name = name, cmdline = cmdline,
      resources = Resources { cpu = 0.05, ram = 16*MB, disk = 4*MB },
    },
  }
end

local function key(name) return "devcluster/www-data/test/" .. name end

return {
  job("fetch", "date +%s", Cron {
    schedule = ("R//PT%dS"):format(every),
    collision_policy = "CANCEL_NEW", epsilon = 60,
  }),
  job("clean", "echo cleaned", Cron { after = key "fetch" }),
  job("count", "echo counted", Cron { after = key "fetch", retries = 2 }),
  job("report", "echo reported", Cron { after = { key "clean", key "count" } }),
}
