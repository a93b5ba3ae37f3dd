-- One file has one meaning: whatever run, wherever in memory, gives the same
-- bytes; and a job is the same again once it has travelled as protobuf and JSON.
local as_lua = require 'lua.as_lua'
local evaluate = require 'lua.evaluate'

local bin = os.getenv('PERIGEE_BIN') or 'build/bin'
local RUNS = 4

local function run(command)
  local pipe = assert(io.popen(command .. ' 2>&1'))
  local output = pipe:read('a')
  local _, _, status = pipe:close()
  return output, status
end

-- With addresses as they fall, and without.
local function always_the_same(path)
  local command = ("'%s/evaluate' --trip '%s'"):format(bin, path)
  local first, status = run(command)
  assert.equal(0, status, first)
  assert.matches('^same: %d+ jobs, bundle %x+, all %x+\n$', first)
  for _ = 2, RUNS do assert.equal(first, (run(command))) end
  assert.equal(first, (run('setarch -R ' .. command)))
end

local FUNCTIONS = {
  'rank = function(h) return #h.hostname end,',
  'place = function(h) return h.attributes.rack ~= nil end,',
  'health = function(ctx) return ctx.attempt > 0 end,',
}
local CHECKS = {
  'health_check = HealthCheck { tcp = "http", interval_secs = 2.5 },',
  'health_check = HealthCheck { shell = { shell_command = "test -e {{mesos.instance}}" } },',
  'health_check = HealthCheck { http = { endpoint = "/h", port = "http" } },',
}

-- A job of random fields; equal seeds make equal jobs. Without functions all of
-- it can be written back.
local function random_job(random, number, is_written_back)
  local function pick(list) return list[random(#list)] end
  local function maybe(text) return random(2) == 1 and text or '' end
  local fields = {
    maybe(('instances = %d,'):format(random(50))),
    maybe(('priority = %d,'):format(random(0, 9))),
    maybe('max_task_failures = -1,'), maybe('production = true,'),
    maybe('contact = "\195\169t\195\169 \\\\ \\" \\n",'),
    maybe(is_written_back and 'announce = Announcer { portmap = { x = "http" } },'
      or FUNCTIONS[1]),
    maybe(is_written_back and 'lifecycle = Lifecycle { http = { port = "http" } },'
      or FUNCTIONS[2]),
    maybe(is_written_back and pick(CHECKS) or FUNCTIONS[3]),
    maybe(pick { 'env = { B = "2", A = "1", [ "C" ] = "" },', 'env = Env { Z = "{}" },' }),
    maybe('metadata = { z = "1", a = "2", m = "3" },'),
    maybe('constraints = { rack = limit(2), zone = one_of("a", "b"), host = unlike("x.*") },'),
    maybe(pick { 'update = Update { batch_size = 2, canary = { instances = 1 } },',
      'update = Update { strategy = BatchUpdateStrategy { batch_size = 3 } },',
      'update = Update { strategy = VariableBatchUpdateStrategy { batch_sizes = { 1, 5 } } },' }),
    maybe('partition_policy = Partition { reschedule = false },'),
  }
  for i = #fields, 2, -1 do
    local j = random(i)
    fields[i], fields[j] = fields[j], fields[i]
  end
  return ([[  Job { cluster = "c", role = "r", environment = "test", name = "j%d", %s
    task = Task { resources = Resources { cpu = %g, ram = %d*MB, disk = 1*GB }, processes = {
      Process { name = "a", cmdline = "x {{thermos.ports[%s]}} {{env[A]}}", max_failures = %d },
      Process { name = "b", cmdline = raw [=[y {{no}}]=], env = { Q = "1", P = "2" } } },
      constraints = %s } },]]):format(number, table.concat(fields, ' '), random(100) / 8,
    random(1000),
    is_written_back and 'http' or pick { 'http', 'health', 'b' }, random(0, 5),
    pick { '{}', 'order("a", "b")', '{ order("b", "a") }' })
end

describe('equal files give equal bytes, and jobs that travel unchanged:', function()
  local list = assert(io.popen("cd configs/examples && find . -name '*.lua' "
    .. "! -name master.lua ! -name agent.lua ! -name aurora.lua ! -name '*_test.lua' "
    .. "! -path './outputenv/*' ! -path './templates/*' | sort"))
  for path in list:lines() do
    it(path, function() always_the_same('configs/examples/' .. path:sub(3)) end)
  end
  list:close()

  for seed = 1, tonumber(os.getenv('SEEDS') or 6) do
    it('random jobs of seed ' .. seed, function()
      math.randomseed(seed)
      local lines = { 'return {' }
      for i = 1, 40 do lines[#lines + 1] = random_job(math.random, i) end
      lines[#lines + 1] = '}'
      evaluate.with_files({ ['f.lua'] = table.concat(lines, '\n') }, function(folder)
        always_the_same(folder .. '/f.lua')
      end)
    end)

    it('random jobs as a job file again, of seed ' .. seed, function()
      math.randomseed(seed)
      local lines = { 'return {' }
      for i = 1, 40 do lines[#lines + 1] = random_job(math.random, i, true) end
      lines[#lines + 1] = '}'
      local jobs = evaluate.jobs(table.concat(lines, '\n'))
      local again = evaluate.jobs(as_lua.file(jobs))
      assert.equal(40, #again)
      for i, job in ipairs(jobs) do
        job.bundle_hash, again[i].bundle_hash = nil, nil
        assert.same(job, again[i])
      end
    end)
  end
end)
