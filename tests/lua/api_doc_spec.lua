-- docs/api.md names every call and every path of the scheduler, and no others.
local function read(path)
  local file = assert(io.open(path))
  local text = file:read('a')
  file:close()
  return text
end

local doc = read 'docs/api.md'

describe('docs/api.md', function()
  it('has a row for every call, and for no other', function()
    local documented, types = {}, {}
    for row in doc:gmatch '\n| `([%u_]+)` |' do documented[row] = true end
    local enum = read('proto/perigee/aurora.proto'):match 'message Call {%s*enum Type {(.-)}'
    for type in enum:gmatch '([%u_]+) = %d+;' do
      if not type:find 'UNSPECIFIED' then
        types[type] = true
        assert.is_true(documented[type], 'no row for ' .. type)
      end
    end
    for type in pairs(documented) do assert.is_true(types[type], type .. ' is no call') end
  end)

  it('has every path, with its parameters', function()
    local reads, count = doc:match '## Reads(.-)## Events', 0
    for pattern, parameters in
      read('src/aurora/rest.c'):gsub('JOB_PATH "', '"/api/v1/jobs/*/*/*'):gsub('JOB_PATH,',
        '"/api/v1/jobs/*/*/*",'):gmatch '\n    {"(/[^"]*)", [%w_]+, "([^"]*)"}' do
      local found
      for line in reads:gmatch '[^\n]+' do
        for path in (line:match '^|(.-)|' or ''):gmatch '`([^`]+)`' do
          if path:gsub('/%u[%u%d]*', '/*') == pattern then found = line end
        end
      end
      assert.is_string(found, 'no row for ' .. pattern)
      count = count + 1
      for name in parameters:gmatch '%S+' do
        assert.is_truthy(found:find('`' .. name .. '`', 1, true), pattern .. ': ' .. name)
      end
    end
    assert.is_true(count > 30)
  end)
end)
