--- The names that job files see, for luacheck.

local M = {}

local SEEN = {
  'assert', 'error', 'ipairs', 'math', 'next', 'pairs', 'pcall', 'select',
  'string', 'table', 'tonumber', 'tostring', 'type', 'utf8', 'xpcall',
}

--- Every name of the language, sorted.
function M.names(model)
  local seen, list = {}, {}
  local function add(name)
    if not seen[name] then list[#list + 1] = name end
    seen[name] = true
  end
  for _, row in ipairs(model.language.constructors) do add(row[1]) end
  for _, call in ipairs(model.functions) do add(call.name:match('^[^.]+')) end
  for _, unit in ipairs(model.units) do add(unit[1]) end
  table.sort(list)
  return list
end

local function add_list(out, name, list)
  local row = '  ' .. name .. ' = {'
  for _, entry in ipairs(list) do
    local text = (' "%s",'):format(entry)
    if #row + #text > 80 then
      out[#out + 1] = row
      row = '   '
    end
    row = row .. text
  end
  out[#out + 1] = row
  out[#out + 1] = '  },'
end

--- The text of lua/stdlib/luacheck.lua.
function M.luacheck(model)
  local out = {
    '-- Written by lua/generate.lua from lua/stdlib/schema: the standard of job',
    '-- files for luacheck. In a .luacheckrc:',
    '--   stds.perigee = dofile "/usr/local/share/perigee/lua/luacheck.lua"',
    '--   std = "perigee"',
    'return {',
  }
  out[#out + 1] = '  globals = { "jobs" },'
  local names = M.names(model)
  for _, name in ipairs(SEEN) do names[#names + 1] = name end
  local has = {}
  for _, tool in ipairs(model.tools) do
    local name = tool.name:match('^[^.]+')
    if not has[name] then names[#names + 1] = name end
    has[name] = true
  end
  table.sort(names)
  add_list(out, 'read_globals', names)
  out[#out + 1] = '}'
  return table.concat(out, '\n') .. '\n'
end

--- The text of lua/stdlib/luacheck_files.lua.
function M.luacheck_files(model)
  local out = {
    "-- Written by lua/generate.lua from lua/stdlib/schema: the standard of operators'",
    '-- files, security.lua and roles.lua, for luacheck. In a .luacheckrc:',
    '--   stds.perigee_files = dofile "/usr/local/share/perigee/lua/luacheck_files.lua"',
    '--   files["security.lua"].std = "perigee_files"',
    'return {',
  }
  local has, assigned = {}, {}
  for _, object in ipairs(model.files) do
    for _, field in ipairs(object.name:find('File$') and object or {}) do
      if not has[field[1]] then assigned[#assigned + 1] = field[1] end
      has[field[1]] = true
    end
  end
  table.sort(assigned)
  local names = table.move(SEEN, 1, #SEEN, 3, { 'env', 'host' })
  table.sort(names)
  add_list(out, 'globals', assigned)
  add_list(out, 'read_globals', names)
  out[#out + 1] = '}'
  return table.concat(out, '\n') .. '\n'
end

return M
