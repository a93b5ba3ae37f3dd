-- Every rule of the schema takes what is good and refuses what is not: cases
-- made from the schema (tests/lua/schema_cases.lua), by the hundred a file.
package.path = 'lua/?.lua;' .. package.path

local cases = require('lua.schema_cases').make(require('gen.model').load 'lua/stdlib')
local evaluate = require 'lua.evaluate'

local PRINTED_MAX = 45 -- problems; the programs print 50

-- Messages by line.
local function run(list)
  local lines = {}
  for i, case in ipairs(list) do lines[i] = case.text end
  local problems, output = evaluate.problems(table.concat(lines, '\n') .. '\nreturn {}')
  local by_line = {}
  for _, problem in ipairs(problems) do
    by_line[problem.line] = by_line[problem.line] or {}
    table.insert(by_line[problem.line], problem.message)
  end
  return by_line, output
end

local function of(object, is_refused)
  local list = {}
  for _, case in ipairs(cases) do
    if case.object == object and (case.refused ~= nil) == is_refused then
      list[#list + 1] = case
    end
  end
  return list
end

local function slices(list, size)
  local at = 1
  return function()
    if at > #list then return nil end
    local slice = table.move(list, at, math.min(at + size - 1, #list), 1, {})
    at = at + size
    return slice
  end
end

local seen, names = {}, {}
for _, case in ipairs(cases) do
  if not seen[case.object] then names[#names + 1] = case.object end
  seen[case.object] = true
end

for _, name in ipairs(names) do
  describe(name, function()
    it('takes what is good', function()
      local wrong = {}
      local list = of(name, false)
      local by_line, output = run(list)
      for i, case in ipairs(list) do
        for _, message in ipairs(by_line[i] or {}) do
          wrong[#wrong + 1] = ('%s (%s): %s\n  %s'):format(case.field, case.what, message,
            case.text)
        end
      end
      assert.equal('', table.concat(wrong, '\n'))
      assert.not_matches('evaluation stopped', output)
    end)

    it('refuses what is not, and says it once', function()
      local wrong = {}
      for list in slices(of(name, true), PRINTED_MAX) do
        local by_line = run(list)
        for i, case in ipairs(list) do
          local told = by_line[i] or {}
          if #told ~= 1 or not told[1]:find(case.refused, 1, true) then
            wrong[#wrong + 1] = ('%s (%s): %s\n  %s'):format(case.field, case.what,
              table.concat(told, '; '), case.text:sub(1, 300))
          end
        end
      end
      assert.equal('', table.concat(wrong, '\n'))
    end)
  end)
end

it('cases cover every constructor of the schema', function()
  local refused, taken = 0, 0
  for _, case in ipairs(cases) do
    if case.refused then refused = refused + 1 else taken = taken + 1 end
  end
  assert.is_true(refused > 200, refused)
  assert.is_true(taken > 100, taken)
end)
