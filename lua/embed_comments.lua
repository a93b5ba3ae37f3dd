-- lua5.4 lua/embed_comments.lua FILE.proto... : what the comments of our .proto
-- files say of messages, fields and enum values, as a sorted C table
-- (src/wire/schema.h). Only the ways in which these files are written: one
-- declaration a line, its comment above it or behind it and on the lines below.

local found = {} -- { name, text }

local function add(name, text)
  text = text:gsub('%s+', ' '):match '^%s*(.-)%s*$'
  if text ~= '' then found[#found + 1] = { name, text } end
end

local function read(path)
  local scope, above, last = {}, {}, nil
  for line in io.lines(path) do
    local code, comment = line:match '^(.-)%s*//%s?(.*)$'
    code = (code or line):match '^%s*(.-)%s*$'
    if code == '' and comment then
      -- Behind a declaration a comment goes on where it began.
      if last and line:find('//', 1, true) > 8 then
        last[2] = last[2] .. ' ' .. comment
      else
        above[#above + 1], last = comment, nil
      end
    elseif code ~= '' then
      local opened = code:match '^message%s+(%w+)' or code:match '^enum%s+(%w+)'
      local package = code:match '^package%s+([%w.]+)'
      local name = opened or code:match '([%w_]+)%s*=%s*%d+'
      if package then scope = { package } end
      last = nil
      if name then
        local whole = table.concat(scope, '.') .. '.' .. name
        last = { whole, table.concat(above, ' ') .. ' ' .. (comment or '') }
        found[#found + 1] = last
      end
      above = {}
      local closes = select(2, code:gsub('}', ''))
      if opened then scope[#scope + 1] = opened end
      -- `message Why { optional JobKey key = 1; }` on one line
      for _ = 1, closes do scope[#scope] = nil end
    else
      above, last = {}, nil
    end
  end
end

for i = 1, #arg do read(arg[i]) end
local all = found
found = {}
for _, one in ipairs(all) do add(one[1], one[2]) end
table.sort(found, function(a, b) return a[1] < b[1] end)

print '#include "wire/schema.h"\n'
print 'const struct schema_comment SCHEMA_COMMENTS[] = {'
for _, one in ipairs(found) do print(('    {%q, %q},'):format(one[1], one[2])) end
print '};'
print(('const uint32_t SCHEMA_COMMENT_COUNT = %d;'):format(#found))
