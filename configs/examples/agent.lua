-- perigee-agent --config=agent.lua
-- Every name is a flag (--work_dir=...) and a variable (PERIGEE_WORK_DIR) too;
-- both go before this file. perigee-agent --help lists them all.

master = "127.0.0.1:5050"
ip = "127.0.0.1"
port = 5051
hostname = host.hostname
work_dir = "/var/lib/perigee/agent"

-- What is not named is detected. Here a quarter of the memory is kept back for
-- the machine itself.
resources = {
  cpus = host.cpus,
  mem = host.mem_mb * 3 // 4,
  ports = "[31000-32000]",
}

-- Facts about this machine, for constraints in job files.
attributes = { rack = "r1", zone = "a" }

-- Executors live this long without their agent.
recovery_timeout = "15mins"

-- Who may read which sandboxes, and who we are to a master that asks.
-- security = "/etc/perigee/security.lua"
-- credential = "/etc/perigee/credential"

log_level = "info"
