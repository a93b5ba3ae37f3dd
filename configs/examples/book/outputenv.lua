-- Three web servers that show their environment: download, extract, run, one
-- after the other.
--
--   clusterctl create devcluster/www-data/prod/outputenv outputenv.lua
--   clusterctl check -p tarball=http://files/app.tar.gz outputenv.lua

local tarball = param("tarball", {
  default = "https://example.org/output-env-app.tar.gz", help = "the application",
})

local download = Process { name = "download", cmdline = "curl -fsSL -o app.tar.gz " .. tarball }
local extract = Process { name = "extract", cmdline = "tar zxf app.tar.gz" }
local run = Process {
  name = "run",
  cmdline = [[
    cd output-env-app &&
    bundle install --retry 3 &&
    PORT={{thermos.ports[http]}} bundle exec ruby app.rb]],
}

local task = SequentialTask {
  processes = { download, extract, run },
  resources = Resources { cpu = 0.1, ram = 128*MB, disk = 1*GB },
}

jobs = {
  Service {
    cluster = "devcluster", role = "www-data", environment = "prod", name = "outputenv",
    task = task, instances = 3,
  },
}
