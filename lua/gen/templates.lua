--- The modules of lua/stdlib/templates, for the manual: what each declares,
--- read by running it with a `require` that only listens.

local M = {}

local UNITS = assert(loadfile 'lua/stdlib/units.lua')()

local function environment(heard)
  local names = setmetatable({
    require = function(name)
      assert(name == 'templates.template', name)
      return function(declared)
        heard.declared = declared
      end
    end,
  }, { __index = UNITS })
  return names
end

--- @return table a list of { name, help, example, options... }, by name
function M.load(dir)
  local list = {}
  local pipe = assert(io.popen(("ls '%s'/templates 2>/dev/null"):format(dir)))
  for file in pipe:lines() do
    local path, heard = ('%s/templates/%s'):format(dir, file), {}
    if file ~= 'template.lua' then
      assert(loadfile(path, 't', environment(heard)))()
      assert(heard.declared, path .. ': want return template { ... }')
      heard.declared.name = file:match '^(.*)%.lua$'
      table.insert(list, heard.declared)
    end
  end
  pipe:close()
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

return M
