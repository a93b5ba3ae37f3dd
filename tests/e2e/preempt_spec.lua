-- Production pushes batch aside; tiers as people see them. A real cluster whose
-- scheduler waits a second where others wait three minutes.
local Cluster = require 'support.cluster'
local run = require 'support.run'

local function job(fields)
  return ([[
return { Service { cluster = "devcluster", role = "%s", environment = "test",
  name = "%s", instances = %d, %s,
  task = Task { processes = { Process { name = "sleep", cmdline = "exec sleep 1000" } },
    resources = Resources { cpu = %s, ram = 16*MB, disk = 1*MB } } } }
]]):format(fields.role, fields.name, fields.instances or 1, fields.more, fields.cpu)
end

describe('tiers and preemption', function()
  local c
  setup(function()
    c = Cluster.start { env = {
      PERIGEE_PREEMPTION_DELAY = '1secs', PERIGEE_PREEMPTION_SLOT_SEARCH_INTERVAL = '1secs',
      PERIGEE_PREEMPTION_SLOT_SEARCH_INITIAL_DELAY = '1secs',
      PERIGEE_TIERS = 'batch:preemptible=true;gold:preemptible=false' } }
    c:must { 'quota', 'set', 'devcluster/www-data', 'cpu=100', 'ram=100GB', 'disk=100GB' }
  end)
  teardown(function() c:stop() end)

  local function create(fields, ...)
    local file = c:file(fields.name .. '.lua', job(fields))
    return c:cli { 'create', ('devcluster/%s/test/%s'):format(fields.role, fields.name), file, ... }
  end

  local function tasks(role, name)
    return run.get(('%s/api/v1/jobs/%s/test/%s/tasks'):format(c.aurora, role, name)).json.tasks
  end

  it('lists the tiers that there are', function()
    local seen = {}
    for _, tier in ipairs(c:must { 'tier', 'list', '--json' }.tiers) do seen[tier.name] = tier end
    assert.is_true(seen.preferred.production and not seen.preferred.preemptible)
    assert.is_true(seen.preemptible.preemptible and not seen.preemptible.production)
    assert.is_true(seen.revocable.revocable and seen.revocable.preemptible)
    assert.is_true(seen.batch.preemptible and seen.gold.production)
    assert.matches('batch%s+preemptible', c:must { 'tier', 'list' })
    assert.same(run.get(c.aurora .. '/tiers').json.tiers,
      run.get(c.aurora .. '/api/v1/tiers').json.tiers)
  end)

  it('refuses a tier that there is not, with the list', function()
    local refused = create { role = 'www-data', name = 'lost', cpu = 0.1, more = 'tier = "silver"' }
    assert.not_equal(0, refused.status)
    assert.matches("there is no 'silver': want one of preferred, preemptible, revocable, batch, "
      .. 'gold', refused.out .. refused.err)
  end)

  it('pushes batch aside for production, and says so', function()
    assert.equal(0, create({ role = 'nobody', name = 'batch', instances = 4, cpu = 0.9,
      more = 'tier = "batch"' }, '--wait-until', 'RUNNING').status)
    local created = create({ role = 'www-data', name = 'web', cpu = 1.5,
      more = 'production = true' }, '--wait-until', 'RUNNING', '--timeout', '40')
    assert.equal(0, created.status, created.out .. created.err)
    local winner = tasks('www-data', 'web')[1]
    assert.equal('RUNNING', winner.state)
    local pushed, running = 0, 0
    for _, task in ipairs(tasks('nobody', 'batch')) do
      running = running + (task.state == 'RUNNING' and 1 or 0)
      for _, event in ipairs(task.events) do
        if event.state == 'PREEMPTING' then
          pushed = pushed + 1
          assert.equal(('gives way to task %s of role \'www-data\''):format(winner.task_id),
            event.message)
        end
      end
    end
    assert.equal(2, pushed)
    assert.equal(2, running)
    local why = c:must { 'why', 'devcluster/nobody/test/batch' }
    assert.matches('not enough cpu', why)
    assert.not_matches('preemption', why)
    local metrics = run.get(c.aurora .. '/metrics').body
    assert.matches('preemptor_tasks_preempted_total{tier="non_prod"} 2', metrics)
    assert.matches('preemptor_slot_validation_successful_total{tier="prod"} 1', metrics)
  end)

  it('pushes nothing of production aside, and tells that it seeks', function()
    assert.equal(0, create { role = 'www-data', name = 'more', cpu = 2.5,
      more = 'tier = "gold"' }.status)
    assert.matches('preemption: others that give way may be pushed aside; the next search',
      run.eventually(10, 'a search', function()
        local why = c:must { 'why', 'devcluster/www-data/test/more' }
        return why:find('next search', 1, true) and why
      end))
    run.eventually(20, 'a search in vain', function()
      local failed = run.get(c.aurora .. '/metrics').body:match(
        'preemptor_slot_search_failed_total{tier="prod"} (%d+)')
      return tonumber(failed) > 1
    end)
    assert.equal('RUNNING', tasks('www-data', 'web')[1].state)
    assert.equal('PENDING', tasks('www-data', 'more')[1].state)
  end)
end)

describe('the revocable tier', function()
  local KEY = 'devcluster/www-data/test/spare'
  local c
  setup(function()
    c = Cluster.start { env = { PERIGEE_REVOCABLE_RESOURCES = 'cpus:3;mem:512',
      PERIGEE_RECEIVE_REVOCABLE_RESOURCES = 'true', PERIGEE_PREEMPTION_DELAY = '600secs' } }
  end)
  teardown(function() c:stop() end)

  local function figure(name)
    return run.get(c.master .. '/metrics/snapshot').json['master/' .. name]
  end

  it('runs on what may be taken back, and on nothing else', function()
    assert.equal(3, figure 'cpus_revocable_total')
    local plain = figure 'cpus_total'
    local file = c:file('spare.lua', job { role = 'www-data', name = 'spare', instances = 2,
      cpu = 1, more = 'tier = "revocable"' })
    local created = c:cli { 'create', KEY, file, '--wait-until', 'RUNNING', '--timeout', 60,
      timeout = 70 }
    assert.equal(0, created.status, created.out .. created.err)
    assert.is_true(figure 'cpus_revocable_used' >= 2)
    assert.equal(0, figure 'cpus_used')
    assert.equal(plain, figure 'cpus_total')
    for _, agent in ipairs(run.get(c.master .. '/state').json.slaves) do
      assert.equal(plain, agent.resources.cpus) -- readers add these up
    end
    -- A third has no room there, whatever else is free.
    local more = c:cli { 'add', KEY .. '/0', '1', '--no-wait' }
    assert.equal(0, more.status, more.out .. more.err)
    run.eventually(20, 'why', function()
      return c:must({ 'why', KEY }):find('revocable cpu', 1, true)
    end)
    assert.equal(0, figure 'cpus_used')
  end)
end)
