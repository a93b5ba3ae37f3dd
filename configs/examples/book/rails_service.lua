-- Ten instances of a Rails application: only on public machines, at most three
-- in a rack, one on a machine. Constraints are written as in Aurora; each line
-- says it once more in the words of this language.
--
--   clusterctl create devcluster/www-data/prod/rails rails_service.lua

local server = Process {
  name = "rails",
  cmdline = "exec bundle exec rails server --port {{thermos.ports[http]}}",
}

return {
  Service {
    cluster = "devcluster", role = "www-data", environment = "prod", name = "rails",
    instances = 10,
    task = Task {
      processes = { server },
      resources = Resources { cpu = 0.5, ram = 32*MB, disk = 64*MB },
    },
    constraints = {
      type = "public",     -- one_of("public")
      rack_id = "limit:3", -- limit(3)
      host = "limit:1",    -- limit(1)
    },
    container = Container { docker = Docker { image = "example/rails:4.2" } },
  },
}
