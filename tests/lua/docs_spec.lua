-- Pages name only what is there: other pages, files, limits in the code.
local run = require 'support.run'

local function lines_of(command)
  local pipe = assert(io.popen(('cd %s && %s'):format(run.quoted(run.root), command)))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function all_of(command) return table.concat(lines_of(command), '\n') end

local function exists(path)
  return #lines_of('ls -d ' .. run.quoted(path) .. ' 2>/dev/null') > 0
end

local PAGES = lines_of 'ls *.md docs/*.md docs/decisions/*.md bench/*.md'

-- Text outside of blocks of code, where brackets and parentheses are code's.
local function prose_of(page)
  return (run.read(run.root .. '/' .. page):gsub('\n```.-\n```', ''):gsub('`[^`\n]*`', '`code`'))
end

describe('pages', function()
  it('link to pages and files that exist', function()
    local count = 0
    for _, page in ipairs(PAGES) do
      local folder = page:match '^(.*/)' or ''
      for link in prose_of(page):gmatch '%]%(([^)]+)%)' do
        local path = link:match '^([^#]+)'
        if path and not path:find '^%a+:' then
          count = count + 1
          assert.truthy(exists(folder .. path), page .. ': ' .. link)
        end
      end
    end
    assert.is_true(count > 100)
  end)

  it('name sources that exist', function()
    for _, page in ipairs(PAGES) do
      if page ~= 'CHANGELOG.md' then
        for path in run.read(run.root .. '/' .. page):gmatch '`(%l+/[%l%d_/-]+%.%l+)`' do
          local is_ours = path:find '^src/' or path:find '^executor/' or path:find '^tests/'
            or path:find '^lua/' or path:find '^proto/' or path:find '^docs/'
          assert.truthy(not is_ours or exists(path), page .. ': ' .. path)
        end
      end
    end
  end)
end)

describe('docs/limits.md', function()
  it('names constants and files that the code has', function()
    local code = all_of [[cat $(git ls-files '*.[ch]' '*.lua' 2>/dev/null ||
      find src executor lua -name '*.[ch]' -o -name '*.lua')]]
    local count = 0
    for line in io.lines(run.root .. '/docs/limits.md') do
      local where = line:match '^|.*|([^|]*)|$' or ''
      for name in where:gmatch '`([%u][%u%d_]+)`' do
        count = count + 1
        assert.truthy(code:find('%f[%w_]' .. name .. '%f[^%w_]'), name)
      end
    end
    assert.is_true(count > 150)
  end)
end)
