-- docs/thermos-cases.md names only tests that exist, and every case once.
local run = require 'support.run'

local function source(program)
  for _, pattern in ipairs { 'tests/unit/%s.c', 'tests/lua/%s.lua', 'tests/e2e/%s.lua' } do
    local text = run.read(run.root .. '/' .. pattern:format(program))
    if text then return text end
  end
end

describe('docs/thermos-cases.md', function()
  local text = run.read(run.root .. '/docs/thermos-cases.md')

  it('names tests that exist', function()
    local count = 0
    for program, test in text:gmatch '`([%w_]+): ([^`]+)`' do
      local code = assert(source(program), program)
      local mark = program:find '^test_' and 'void ' .. test .. '(' or "it('" .. test .. "'"
      assert.truthy(code:find(mark, 1, true), program .. ': ' .. test)
      count = count + 1
    end
    assert.is_true(count > 40)
  end)

  it('has one row per case, in order', function()
    local last = 0
    for number in text:gmatch '\n| (%d+) |' do
      assert.is_true(tonumber(number) > last, 'case ' .. number)
      last = tonumber(number)
    end
    assert.equal(53, last)
  end)
end)
