-- A job of Chronos: every 24 hours from a start time on, for ever, with an
-- owner who hears of failures.
--
--   clusterctl create devcluster/www-data/prod/sleep sleep_interval.lua

return {
  Job {
    cluster = "devcluster", role = "www-data", environment = "prod", name = "sleep",
    cron = Cron { schedule = "R/2026-10-04T22:57:59Z/PT24H", epsilon = 60, retries = 2 },
    notify = Notify { on = { "failed" }, email = "owner@example.com" },
    task = SimpleTask {
      name = "sleep", cmdline = "sleep 60",
      resources = Resources { cpu = 0.5, ram = 256*MB, disk = 500*MB },
    },
  },
}
