-- Workers that share one piece of work, made by a template.
--
--   clusterctl check sharded_worker.lua

local sharded_worker = require "templates.sharded_worker"

return {
  sharded_worker {
    cluster = "devcluster", role = "www-data", environment = "prod",
    name = "indexer",
    cmdline = "exec ./indexer --part $SHARD --of $SHARDS",
    shards = 8, per_host = 2,
  },
}
