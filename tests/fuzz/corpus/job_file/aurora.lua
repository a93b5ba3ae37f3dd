-- perigee-aurora --config=aurora.lua
-- Every name is a flag (--work_dir=...) and a variable (PERIGEE_WORK_DIR) too;
-- both go before this file. perigee-aurora --help lists them all.

master = "127.0.0.1:5050"
ip = "127.0.0.1"
port = 8081
work_dir = "/var/lib/perigee/aurora"

-- First part of the keys of this cluster's jobs.
cluster_name = "devcluster"

-- How long the master keeps the tasks while the scheduler is away.
framework_failover_timeout = "21days"

log_level = "info"
