-- perigee-master --config=master.lua
-- Every name is a flag (--work_dir=...) and a variable (PERIGEE_WORK_DIR) too;
-- both go before this file. perigee-master --help lists them all.

ip = "127.0.0.1" -- 0.0.0.0 listens on every address
port = 5050
work_dir = env("PERIGEE_STATE") or "/var/lib/perigee/master"
cluster = "devcluster"

-- Frameworks hear from the master at least this often.
heartbeat_interval = "15secs"

-- An agent that leaves this many pings unanswered is unreachable.
agent_ping_timeout = "15secs"
max_agent_ping_timeouts = 5

-- Who may do what at this port, frameworks and agents included; without it
-- everybody who reaches it may do everything.
-- security = "/etc/perigee/security.lua"

log_level = "info"
