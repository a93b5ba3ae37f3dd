-- One of a hundred of the million tasks of tests/slow/plan_oracle.sh.
local run = require 'support.run'

describe('the planner', function()
  it('agrees with its oracle on ten thousand random tasks', function()
    local result = run.run({ 'sh', '-c', run.bin .. '/plan-outcomes 1 10000 | lua5.4 '
      .. run.root .. '/tests/lua/plan_oracle.lua' }, { timeout = 60 })
    assert.equal(0, result.status, result.out .. result.err)
    assert.matches('10000 agree, 0 disagree', result.out)
    for _, kind in ipairs { 'SUCCESS', 'FAILED', 'KILLED', 'refused', 'circle' } do
      local n = tonumber(result.out:match(kind .. ' (%d+)'))
      assert.is_true(n > 100, kind)
    end
  end)
end)
