-- A pipeline of Chronos: data are extracted every hour, and two jobs transform
-- them as soon as that went well. When the extraction fails, neither runs until
-- it has succeeded.
--
--   clusterctl apply etl_pipeline.lua

local resources = Resources { cpu = 0.5, ram = 256*MB, disk = 1*GB }

local function job(name, cmdline, cron)
  return Job {
    cluster = "devcluster", role = "www-data", environment = "prod", name = name, cron = cron,
    max_task_failures = 2,
    task = SimpleTask { name = name, cmdline = cmdline, resources = resources },
  }
end

local after_extract = Cron { after = { "devcluster/www-data/prod/extract" } }

return {
  job("extract", "./extract.sh /srv/pipeline", Cron { schedule = "R/2026-10-05T22:00:00Z/PT1H" }),
  job("transform-words", "./transform-words.sh /srv/pipeline", after_extract),
  job("transform-links", "./transform-links.sh /srv/pipeline", after_extract),
}
