-- A job that cron starts every five minutes.
--
--   clusterctl create devcluster/www-data/prod/simple-sleep simple_sleep_cron.lua

local sleep = Process {
  name = "simple-sleep",
  cmdline = [[
    echo "At the tone the time will be: $(date +'%r %Z')"
    echo "Sleeping for 60 seconds."
    sleep 60]],
}

return {
  Job {
    cluster = "devcluster", role = "www-data", environment = "prod", name = "simple-sleep",
    cron_schedule = "*/5 * * * *",
    task = Task {
      processes = { sleep },
      resources = Resources { cpu = 0.1, ram = 16*MB, disk = 1*MB },
    },
  },
}
