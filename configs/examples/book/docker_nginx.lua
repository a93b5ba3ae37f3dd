-- nginx in Docker, both ways: through the docker command, which is an ordinary
-- process of ours, and as the container of the job.
--
--   clusterctl create devcluster/www-data/prod/docker-nginx docker_nginx.lua

local by_command = Service {
  cluster = "devcluster", role = "www-data", environment = "prod", name = "docker-nginx",
  task = Task {
    processes = {
      Process {
        name = "docker-run-nginx",
        cmdline = "exec docker run --rm -p {{thermos.ports[http]}}:80 nginx:1.9",
      },
    },
    resources = Resources { cpu = 0.1, ram = 128*MB, disk = 1*GB },
  },
}

-- Inside, nginx listens on the port that the scheduler allocated.
local in_container = Service {
  cluster = "devcluster", role = "www-data", environment = "prod", name = "nginx-container",
  container = Container { docker = Docker { image = "nginx:1.9" } },
  task = Task {
    processes = {
      Process {
        name = "nginx",
        cmdline = [[
          sed -i 's/listen .*80;/listen {{thermos.ports[http]}};/' /etc/nginx/conf.d/default.conf
          exec nginx -g 'daemon off;']],
      },
    },
    resources = Resources { cpu = 0.5, ram = 64*MB, disk = 1*GB },
  },
}

return { by_command, in_container }
