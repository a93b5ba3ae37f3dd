-- An application that answers for its health on a port of its own: it is asked
-- at /health, and told to end at /quitquitquit, then at /abortabortabort, before
-- signals are sent. An instance that answers badly four times is replaced.
--
--   clusterctl create devcluster/www/prod/checked health_checked.lua

local app = Process {
  name = "app",
  cmdline = "exec ./app --port {{thermos.ports[http]}} --health-port {{thermos.ports[health]}}",
}

return {
  Service {
    cluster = "devcluster", role = "www", environment = "prod", name = "checked",
    instances = 2,
    task = Task {
      processes = { app },
      resources = Resources { cpu = 0.5, ram = 32*MB, disk = 16*MB },
    },
    health_check_config = HealthCheckConfig {
      health_checker = HealthCheckerConfig {
        http = HttpHealthChecker {
          endpoint = "/health", expected_response = "ok", expected_response_code = 200,
        },
      },
      initial_interval_secs = 60, interval_secs = 10, timeout_secs = 2,
      max_consecutive_failures = 3,
    },
    lifecycle = LifecycleConfig {
      http = HttpLifecycleConfig {
        port = "health",
        graceful_shutdown_endpoint = "/quitquitquit",
        shutdown_endpoint = "/abortabortabort",
      },
    },
  },
}
