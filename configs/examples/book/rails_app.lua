-- The same application with Marathon's operators: one copy for each of them, so
-- that each can be tried alone, and one with several together.
--
--   clusterctl create devcluster/www-data/prod/rails_unique rails_app.lua

local rails = Service {
  cluster = "devcluster", role = "www-data", environment = "prod", name = "rails_app",
  instances = 10,
  task = Task {
    name = "rails_app",
    processes = {
      Process { name = "rails", cmdline = "exec bundle exec rails server -p {{thermos.ports[http]}}" },
    },
    resources = Resources { cpu = 1, ram = 256*MB, disk = 64*MB },
  },
}

local function placed(name, constraints)
  return rails { name = name, constraints = constraints }
end

return {
  placed("rails_cluster", { rack_id = cluster_on("rack-1") }),
  placed("rails_group_by", { rack_id = group_by(3) }),
  placed("rails_max_per", { rack_id = max_per(3) }),
  placed("rails_unique", { host = unique() }),
  placed("rails_like", { rack_id = like("rack-[1-3]") }),
  placed("rails_unlike", { rack_id = unlike("rack-[7-9]") }),
  placed("rails_app", { host = unique(), rack_id = max_per(3), zone = group_by() }),
}
