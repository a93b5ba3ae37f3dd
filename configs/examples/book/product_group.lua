-- A group of Marathon: the service of a product starts when its database is
-- there and well; the other way round at the end.
--
--   clusterctl apply product_group.lua

local database = Service {
  cluster = "devcluster", role = "www-data", environment = "prod", name = "product-database",
  task = Task {
    name = "product-database",
    processes = {
      Process {
        name = "redis",
        cmdline = "exec redis-server --port {{thermos.ports[redis]}} --dir /data",
      },
    },
    resources = Resources { cpu = 0.5, ram = 256*MB, disk = 256*MB },
  },
  container = Container {
    docker = Docker { image = "redis:3.0.3" },
    volumes = { Volume { container_path = "/data", name = "data", size = 1*GB } },
  },
  health_check = HealthCheck { tcp = TcpCheck { port = "redis" }, max_consecutive_failures = 3 },
  announce = Announcer { primary_port = "redis" },
}

local service = Service {
  cluster = "devcluster", role = "www-data", environment = "prod", name = "product-service",
  instances = 3,
  task = Task {
    name = "product-service",
    processes = {
      Process { name = "app", cmdline = "exec ./keys-and-values --port {{thermos.ports[http]}}" },
    },
    resources = Resources { cpu = 0.1, ram = 128*MB, disk = 64*MB },
  },
  env = Env { REDIS_HOST = "localhost", REDIS_PORT = "9000" },
  health_check = HealthCheck {
    http = HttpCheck { endpoint = "/health" }, max_consecutive_failures = 3,
  },
  update = Update {
    update_strategy = Surge { minimum_health_capacity = 0.9, maximum_over_capacity = 0.2 },
  },
  announce = Announcer { primary_port = "http" },
}

return {
  Group {
    name = "product",
    jobs = {
      Group { name = "database", jobs = { database } },
      Group { name = "service", jobs = { service }, depends_on = { "database" } },
    },
  },
}
