-- Each file in cases/ says in comments what is wrong with it:
--   -- expect: TEXT       a problem on this line whose message contains TEXT
--   -- expect file: TEXT  a problem of the whole file
-- Nothing else may be told, and all at once.
local evaluate = require 'lua.evaluate'

-- "-- expect: a -- expect: b": several on one line.
local function expected(text)
  local list, line = {}, 0
  for row in (text .. '\n'):gmatch('(.-)\n') do
    line = line + 1
    local at = row:find('%-%- expect')
    while at do
      local next_at = row:find('%-%- expect', at + 1)
      local note = row:sub(at, next_at and next_at - 1 or -1)
      local kind, what = note:match('^%-%- expect( ?%a*): (.-)%s*$')
      list[#list + 1] = { line = kind == ' file' and 0 or line, text = what }
      at = next_at
    end
  end
  return list
end
local function told(output)
  local list = {}
  for row in output:gmatch('[^\n]+') do
    local line, message = row:match('^[%w_./]+%.lua:(%d+): (.*)$')
    if not line then message = row:match('^[%w_./]+%.lua: (.*)$') end
    if message then
      list[#list + 1] = { line = tonumber(line or 0), text = message }
    end
  end
  return list
end

-- Take from `list` the entry that fits; says whether there was one.
local function take(list, want)
  for i, got in ipairs(list) do
    if got.line == want.line and got.text:find(want.text, 1, true) then
      table.remove(list, i)
      return true
    end
  end
  return false
end

local function show(list)
  local out = {}
  for i, entry in ipairs(list) do out[i] = entry.line .. ': ' .. entry.text end
  return table.concat(out, '\n')
end

describe('problems of job files:', function()
  local folder = 'tests/lua/cases'
  for path in io.popen('ls ' .. folder .. '/*.lua'):lines() do
    it(path:match('([%w_]+)%.lua$'):gsub('_', ' '), function()
      local file = assert(io.open(path))
      local wanted = expected(file:read('a'))
      file:close()
      local output, status = evaluate.file(path)
      local got, missing = told(output), {}
      for _, want in ipairs(wanted) do
        if not take(got, want) then missing[#missing + 1] = want end
      end
      assert.equal('', show(missing), 'not told, but in the output is:\n' .. output)
      assert.equal('', show(got), 'told, but not expected')
      assert.equal(#wanted > 0 and 3 or 0, status)
    end)
  end
end)
