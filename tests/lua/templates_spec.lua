-- The templates that come with the language, and the examples that use them.
package.path = 'lua/?.lua;' .. package.path

local evaluate = require 'lua.evaluate'
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
