-- A batch job: numbers are made, two branches work on them at the same time, a
-- third one fails at first and is tried again, a report waits for all, and the
-- final process cleans up whatever happened.
--
--        make
--       /  |  \
--    sum count flaky
--       \  |  /
--       report          then: cleanup
--
--   thermos run pipeline.lua
--   clusterctl create devcluster/www-data/test/pipeline pipeline.lua

local make = Process { name = "make", cmdline = "seq 1 100 > numbers" }

local sum = Process {
  name = "sum",
  cmdline = "total=0; while read n; do total=$((total + n)); done < numbers; echo $total > total",
}

local count = Process { name = "count", cmdline = "wc -l < numbers > lines" }

-- Fails twice; every run leaves a line, so that the third one goes through.
local flaky = Process {
  name = "flaky",
  cmdline = [[
    echo attempt >> attempts
    tried=$(wc -l < attempts)
    if [ $tried -lt 3 ]; then
      echo "attempt $tried: not yet" >&2
      exit 1
    fi
    echo "attempt $tried: done"
  ]],
  max_failures = 5,
  min_duration = 1,
}

local report = Process {
  name = "report",
  cmdline = "echo \"$(cat lines) numbers, $(cat total) in all, {{mesos.role}}/{{mesos.name}}\"",
}

local cleanup = Process { name = "cleanup", final = true, cmdline = "rm -f numbers total lines attempts" }

return {
  Job {
    cluster = "devcluster", role = "www-data", environment = "test", name = "pipeline",
    task = Task {
      processes = { make, sum, count, flaky, report, cleanup },
      constraints = {
        order(make, sum, report),
        order(make, count, report),
        order(make, flaky, report),
      },
      resources = Resources { cpu = 0.5, ram = 64*MB, disk = 32*MB },
    },
  },
}
