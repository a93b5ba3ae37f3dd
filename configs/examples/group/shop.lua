-- A shop that starts in order: its store, then the job that fills it, then the
-- pages that need both; against that order at the end. "Up" is RUNNING in good
-- health for a service, FINISHED for a job that ends by itself.
--
--   clusterctl apply shop.lua --wait-until RUNNING
--   clusterctl group status devcluster/www-data/test/shop
--   clusterctl group scale devcluster/www-data/test/shop 2
--   clusterctl group remove devcluster/www-data/test/shop

local pages = param("pages", { type = "integer", default = 2, min = 1, help = "instances of the pages" })

-- Accepts connections, and answers what it is told to.
local function server(port, answer)
  return ([[exec lua5.4 -e '
    local server = assert(require("socket").bind("*", {{thermos.ports[%s]}}))
    while true do
      local client = server:accept()
      client:settimeout(5)
      client:send("%s")
      client:close()
    end']]):format(port, answer)
end

local where = { cluster = "devcluster", role = "www-data", environment = "test" }

local function small(process)
  return Task { processes = { process }, resources = Resources { cpu = 0.05, ram = 16*MB, disk = 4*MB } }
end

local store = Service(extend(where, {
  name = "store",
  task = small(Process { name = "store", cmdline = server("tcp", "") }),
  health_check = HealthCheck { tcp = TcpCheck { port = "tcp" }, initial_interval_secs = 1, interval_secs = 1 },
}))

local fill = Job(extend(where, {
  name = "fill",
  task = small(Process { name = "fill", cmdline = "echo 100 things are in store" }),
}))

local page = Service(extend(where, {
  name = "page", instances = pages,
  task = small(Process {
    name = "page",
    cmdline = server("http", [[HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n]]),
  }),
  health_check = HealthCheck {
    http = HttpCheck { endpoint = "/", expected_response = "ok" },
    initial_interval_secs = 1, interval_secs = 1,
  },
  update = Update { watch_secs = 1 },
}))

return {
  Group {
    name = "shop",
    jobs = {
      Group { name = "storage", jobs = { store } },
      Group { name = "content", jobs = { fill }, depends_on = "storage" },
      Group { name = "front", jobs = { page }, depends_on = { "storage", "content" } },
    },
  },
}
