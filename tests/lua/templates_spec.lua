-- The templates that come with the language, and the examples that use them.
package.path = 'lua/?.lua;' .. package.path

local cjson = require 'cjson'
local evaluate = require 'lua.evaluate'
local has = require 'lua.subset'
local templates = require('gen.templates').load 'lua/stdlib'

local function read(path)
  local file = assert(io.open(path))
  local text = file:read('a')
  file:close()
  return text
end

-- Of the options that have no default.
local VALUES = {
  name = '"n"', cmdline = '"true"', stable = '"a"', canary = '"b"',
  steps = '{ { "a", "true" } }',
}

describe('the template', function()
  for _, template in ipairs(templates) do
    it(template.name .. ' has an example that is a good job file', function()
      local path = ('configs/examples/templates/%s.lua'):format(template.name)
      assert.matches('\n\n' .. template.example .. '\n', read(path), 1, true)
      local output, status = evaluate.file(path, '--again')
      assert.equal('same\n', output)
      assert.equal(0, status)
    end)

    it(template.name .. ' says which option is unknown, and wants one table', function()
      local given = { 'cluster = "c", role = "r", environment = "test", instnaces = 5' }
      for _, option in ipairs(template) do
        if VALUES[option[1]] then
          given[#given + 1] = ('%s = %s'):format(option[1], VALUES[option[1]])
        end
      end
      local list = evaluate.problems(('require "templates.%s" { %s }\nreturn {}'):format(
        template.name, table.concat(given, ', ')))
      assert.is_true(#list >= 1)
      for _, problem in ipairs(list) do
        assert.matches("unknown field 'instnaces', did you mean 'instances'?", problem.message, 1,
          true)
      end
      -- A file that ends in the call still knows its line.
      list = evaluate.problems(('\nreturn require "templates.%s" { %s }'):format(
        template.name, table.concat(given, ', ')))
      for _, problem in ipairs(list) do assert.equal(2, problem.line) end
      assert.is_true(#list >= 1)
      list = evaluate.problems(('require "templates.%s" "x"'):format(template.name))
      assert.same({ { line = 1, message = template.name .. ' takes one table, got string' } }, list)
    end)
  end

  it('can be changed like any value, and overridden by fields of the job', function()
    local jobs = evaluate.jobs [[
      local sharded_worker = require "templates.sharded_worker"
      local worker = sharded_worker { cluster = "c", role = "r", environment = "test", name = "w",
        cmdline = "true", shards = 3, contact = "me", constraints = { rack = limit(2) } }
      return { worker, worker { name = "w2", instances = 5 } }]]
    assert.equal(3, jobs[1].instances)
    assert.equal('me', jobs[1].contact)
    assert.same({ { attribute = 'rack', kind = 'LIMIT', limit = 2 } }, jobs[1].constraints)
    assert.equal('export SHARD={{mesos.instance}} SHARDS=3\ntrue',
      jobs[1].task.processes[1].cmdline)
    assert.equal('w2', jobs[2].name)
    assert.equal(5, jobs[2].instances)
  end)
end)

-- The jobs of an example, in their order.
local function jobs_of(name)
  local output, status = evaluate.file(('configs/examples/templates/%s.lua'):format(name))
  assert(status == 0, output)
  return cjson.decode(output).job
end

describe('jobs made by', function()
  it('web_service have a port, health, a rolling update and an announcement', function()
    has({ {
      name = 'web', service = true, instances = 3, port_names = { 'http' },
      task = {
        processes = { { name = 'web', max_failures = 5,
          cmdline = 'exec ./server --port {{thermos.ports[http]}}' } },
        resources = { cpu_milli = 500, ram_bytes = 512 << 20, disk_bytes = 1 << 30 },
      },
      health_check = {
        http = { port = 'http', endpoint = '/health', expected_response = '',
          expected_response_code = 200 },
        interval_ms = 5000, max_consecutive_failures = 3,
      },
      update = { strategy = 'QUEUE', batch_size = 1, watch_secs = 30, rollback_on_failure = true },
      announce = { primary_port = 'http' },
    } }, jobs_of 'web_service')
  end)

  it('sharded_worker are as many as shards, few on one machine', function()
    has({ {
      name = 'indexer', service = true, instances = 8,
      constraints = { { attribute = 'host', kind = 'LIMIT', limit = 2 } },
      task = { processes = { { cmdline = 'export SHARD={{mesos.instance}} SHARDS=8\n'
        .. 'exec ./indexer --part $SHARD --of $SHARDS' } } },
    } }, jobs_of 'sharded_worker')
  end)

  it('nightly_batch run their steps in order, one night at a time', function()
    has({ {
      name = 'report', service = false, max_task_failures = 3,
      cron = { schedule = '15 3 * * *', timezone = 'Europe/Paris',
        collision_policy = 'CANCEL_NEW' },
      task = {
        processes = { { name = 'extract', cmdline = './extract.sh' },
          { name = 'mail', cmdline = './mail.sh' } },
        constraints = { { order = { 'extract', 'mail' } } },
      },
    } }, jobs_of 'nightly_batch')
  end)

  it('database keep their data, and wait for their machine', function()
    has({ {
      role = 'db', name = 'orders', service = true, instances = 1, tier = 'preferred',
      port_names = { 'db' },
      container = { volumes = { { container_path = '/data', name = 'data',
        size_bytes = 20 << 30, mode = 'RW' } } },
      constraints = { { attribute = 'dedicated', kind = 'ONE_OF', values = { 'db/orders' } } },
      health_check = { tcp = { port = 'db' }, max_consecutive_failures = 5 },
      partition_policy = { reschedule = false },
      task = { finalization_wait = 120 },
    } }, jobs_of 'database')
  end)

  it('canary_pair are two services that share the instances', function()
    has({
      { name = 'search', instances = 18, service = true,
        task = { processes = { {
          cmdline = 'exec ./search-1.4 --port {{thermos.ports[http]}}' } } } },
      { name = 'search-canary', instances = 2, service = true,
        task = { processes = { {
          cmdline = 'exec ./search-1.5 --port {{thermos.ports[http]}}' } } } },
    }, jobs_of 'canary_pair')
  end)

  it('canary_pair are refused when there is nothing to share', function()
    local function told(options)
      return evaluate.problems(('return require "templates.canary_pair" { cluster = "c", '
        .. 'role = "r", environment = "test", stable = "a", canary = "b", %s }'):format(options))
        [1].message
    end
    assert.equal("canary_pair: 'instances' is shared by two services: want an integer of at "
      .. 'least 2', told 'name = "n", instances = 1')
    assert.equal("canary_pair: 'percent' is out of range: want more than 0 and less than 100",
      told 'name = "n", percent = 100')
    assert.equal("canary_pair: 'name' is missing: want a string", told '')
  end)

  it('sharded_worker are refused when their command cannot know its share', function()
    local list = evaluate.problems('require "templates.sharded_worker" { cmdline = raw "true" }')
    assert.equal("sharded_worker: 'cmdline' is raw text, which cannot know its shard: want a "
      .. 'string', list[1].message)
  end)
end)
