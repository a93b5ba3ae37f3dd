--- Compare what a test cares for: all that is in `want` is in `got`, whatever
--- else is there. Lists are of one length.
local assert = require 'luassert'

local function has(want, got, path)
  path = path or 'it'
  if type(want) ~= 'table' then
    assert.equal(want, got, path)
    return
  end
  assert(type(got) == 'table', path .. ' is ' .. tostring(got))
  if #want > 0 then assert.equal(#want, #got, path .. ': number of elements') end
  for key, value in pairs(want) do has(value, got[key], path .. '.' .. key) end
end

return has
