-- docs/aurora-cases.md names only tests that exist, and every case once.
local run = require 'support.run'

-- What Aurora's list has: its numbers have gaps.
local CASES = { 56, 67, 68, 73, 76, 77, 78, 79, 81, 82, 83, 84, 86, 87, 88, 89, 91, 92, 93, 94,
  96, 97, 98, 99, 101, 102, 103, 104, 106, 107, 108, 109, 111, 112, 113, 114, 116, 117, 118, 119,
  121, 122, 123, 124, 126, 127, 128, 129 }

local function source(program)
  for _, pattern in ipairs { 'tests/unit/%s.c', 'tests/lua/%s.lua', 'tests/e2e/%s.lua' } do
    local text = run.read(run.root .. '/' .. pattern:format(program))
    if text then return text end
  end
end

describe('docs/aurora-cases.md', function()
  local text = run.read(run.root .. '/docs/aurora-cases.md')

  it('names tests that exist', function()
    for program, test in text:gmatch '`([%w_]+): ([^`]+)`' do
      local code = assert(source(program), program)
      local mark = program:find '^test_' and 'void ' .. test .. '(' or "it('" .. test .. "'"
      assert.truthy(code:find(mark, 1, true), program .. ': ' .. test)
    end
  end)

  it('has one row for every case, with a test, an issue, or the reason', function()
    local seen = {}
    for number, proof in text:gmatch '\n| (%d+) |[^\n|]*| ([^\n]*) |' do
      seen[#seen + 1] = tonumber(number)
      assert.truthy(proof:find '`[%w_]+: ' or proof:find '^issue [67]$'
        or proof:find '^not offered: ', 'case ' .. number .. ': ' .. proof)
    end
    assert.same(CASES, seen)
  end)
end)
