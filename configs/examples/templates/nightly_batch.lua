-- Steps of a night, made by a template.
--
--   clusterctl check nightly_batch.lua

local nightly_batch = require "templates.nightly_batch"

return {
  nightly_batch {
    cluster = "devcluster", role = "www-data", environment = "prod",
    name = "report",
    schedule = "15 3 * * *", timezone = "Europe/Paris",
    steps = {
      { "extract", "./extract.sh" },
      { "mail", "./mail.sh" },
    },
  },
}
