-- A web service made by a template: announced, checked, updated in batches.
--
--   clusterctl check web_service.lua

local web_service = require "templates.web_service"

return {
  web_service {
    cluster = "devcluster", role = "www-data", environment = "prod",
    name = "web",
    cmdline = "exec ./server --port {{thermos.ports[http]}}",
    instances = 3, ram = 512*MB,
  },
}
