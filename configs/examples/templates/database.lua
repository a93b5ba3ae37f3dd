-- A database with a volume of its own, made by a template.
--
--   clusterctl check database.lua

local database = require "templates.database"

return {
  database {
    cluster = "devcluster", role = "db", environment = "prod",
    name = "orders",
    cmdline = "exec ./db --port {{thermos.ports[db]}} --data /data",
    size = 20*GB, dedicated = "db/orders",
  },
}
