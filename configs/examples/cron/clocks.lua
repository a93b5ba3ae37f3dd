-- Schedules by the wall clock, in the languages that a schedule may be written in.
--
--   clusterctl check configs/examples/cron/clocks.lua
--   clusterctl cron next "30 2 * * *" --zone Europe/Paris --from 2026-03-28T00:00:00Z

local function job(name, cron)
  return Job {
    cluster = "devcluster", role = "www-data", environment = "prod", name = name, cron = cron,
    task = SimpleTask { name = name, cmdline = "echo " .. name },
  }
end

return {
  -- Twice where clocks are put back? No: it follows the wall clock, and runs once.
  job("nightly", Cron { schedule = "30 2 * * *", timezone = "Europe/Paris", catch_up = "LAST" }),
  -- Follows elapsed time: six times an hour, whatever clocks do.
  job("often", Cron { schedule = "*/10 * * * *", collision_policy = "CANCEL_NEW" }),
  job("workdays", Cron { schedule = "0 9 * * MON-FRI", timezone = "America/New_York" }),
  job("daily", Cron { schedule = "@daily" }),
  -- The last day of each month, at ten in the evening: days are clamped to the month's.
  job("monthly", Cron { schedule = "R/2026-01-31T22:00:00Z/P1M", catch_up = "ALL" }),
  -- Twelve runs, and then never again.
  job("dozen", Cron { schedule = "R12/2026-12-01T00:00:00Z/P1D", epsilon = 2*hours, retries = 1 }),
}
