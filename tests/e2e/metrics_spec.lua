-- What each daemon counts while a service runs, as Prometheus' own tool reads it.
local cluster = require 'support.cluster'
local run = require 'support.run'

describe('metrics', function()
  local KEY = 'devcluster/www-data/test/counted'
  local has_promtool = os.execute('command -v promtool >/dev/null')
  local c
  setup(function()
    c = cluster.start()
    c:must { 'create', KEY, c:file('counted.lua', cluster.sleeper('counted', 1)) }
  end)
  teardown(function() c:stop() end)

  for daemon, want in pairs {
    master = { '\nmaster_tasks{state="RUNNING"} 1\n', '\nmaster_resources{name="cpus"} ' },
    aurora = { '\naurora_jobs 1\n', '\naurora_framework_registered 1\n' },
    agent = { '\nagent_executors 1\n', '\nagent_registered 1\n' },
  } do
    it('of ' .. daemon .. ' are what promtool accepts', function()
      local address = daemon == 'agent' and c.info.agents[1] or c.info[daemon]
      local text = run.eventually(20, daemon .. ' counts the task', function()
        local answer = run.get('http://' .. address .. '/metrics')
        assert.equal(200, answer.status)
        return answer.body:find(want[1], 1, true) and answer.body
      end)
      assert.matches(want[2], text, 1, true)
      if not has_promtool then
        pending('promtool is missing: it comes with prometheus')
        return
      end
      local result = run.run({ 'promtool', 'check', 'metrics' }, { stdin = text })
      assert.equal(0, result.status, result.out .. result.err)
    end)
  end
end)
