-- A stable service and its canary, made by a template.
--
--   clusterctl check canary_pair.lua

local canary_pair = require "templates.canary_pair"

return canary_pair {
  cluster = "devcluster", role = "www-data", environment = "prod",
  name = "search",
  stable = "exec ./search-1.4 --port {{thermos.ports[http]}}",
  canary = "exec ./search-1.5 --port {{thermos.ports[http]}}",
  instances = 20, percent = 10,
}
