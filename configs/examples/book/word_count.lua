-- The other pipeline of Chronos: a chain that runs once, now. A text is
-- downloaded, its words are counted, the counts are loaded.
--
--   clusterctl apply word_count.lua

local folder = "/srv/war-and-peace"
local resources = Resources { cpu = 0.5, ram = 256*MB, disk = 1*GB }

local function key(name) return "devcluster/www-data/prod/" .. name end

local function job(name, cmdline, cron)
  return Job {
    cluster = "devcluster", role = "www-data", environment = "prod", name = name, cron = cron,
    task = SimpleTask { name = name, cmdline = cmdline, resources = resources },
  }
end

return {
  job("download-war-and-peace",
    ("mkdir -p %s && curl -fsSL -o %s/text https://example.org/war-and-peace.txt"):format(folder, folder),
    Cron { schedule = "R1//PT1M" }),
  job("war-and-peace-word-count",
    ("tr -cs '[:alpha:]' '\\n' <%s/text | sort | uniq -c | sort -rn >%s/counts"):format(folder, folder),
    Cron { after = { key "download-war-and-peace" } }),
  job("load-war-and-peace-word-counts", ("head -20 %s/counts"):format(folder),
    Cron { after = { key "war-and-peace-word-count" } }),
}
