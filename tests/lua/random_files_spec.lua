-- Whatever a file says, its evaluation ends by itself: with jobs, or with
-- problems that have a line.
package.path = 'lua/?.lua;' .. package.path
local evaluate = require 'lua.evaluate'
local model_of = require 'gen.model'
local random_files = require 'lua.random_files'

local model = model_of.load 'lua/stdlib'
local SEEDS = tonumber(os.getenv('SEEDS') or 8)

describe('a file that nobody would write', function()
  for seed = 1, SEEDS do
    it('is judged: seed ' .. seed, function()
      local text = random_files.write(model, seed, 60)
      local list, output, status = evaluate.problems(text, '--cpu-ms 20000')
      assert.is_true(status == 0 or status == 3, output)
      assert.is_nil(output:find('the evaluation died', 1, true), output)
      assert.is_nil(output:find('evaluation stopped here', 1, true), output)
      for _, problem in ipairs(list) do assert.is_true(problem.line > 0, problem.message) end
    end)
  end
end)
