--- Evaluate job files for the specs, through build/bin/evaluate.
local cjson = require 'cjson'

local M = {}

local bin = (os.getenv('PERIGEE_BIN') or 'build/bin') .. '/evaluate'

local function capture(command)
  local pipe = assert(io.popen(command .. ' 2>&1', 'r'))
  local output = pipe:read('a')
  local _, _, status = pipe:close()
  return output, status
end

--- Run a file; flags is a string of further arguments.
--- @return string output, integer status
function M.file(path, flags)
  return capture(("'%s' %s '%s'"):format(bin, flags or '', path))
end

--- A folder that is gone when f returns; files is { name = text }.
function M.with_files(files, f)
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute('mkdir ' .. folder))
  for name, text in pairs(files) do
    local parent = name:match('^(.*)/')
    if parent then os.execute(("mkdir -p '%s/%s'"):format(folder, parent)) end
    local file = assert(io.open(folder .. '/' .. name, 'wb'))
    file:write(text)
    file:close()
  end
  local results = table.pack(pcall(f, folder))
  os.execute('rm -rf ' .. folder)
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

--- Run a text as the job file f.lua, with files beside it.
function M.text(text, flags, files)
  local all = { ['f.lua'] = text }
  for name, content in pairs(files or {}) do all[name] = content end
  return M.with_files(all, function(folder)
    return M.file(folder .. '/f.lua', flags)
  end)
end

--- The jobs of a text that must be good.
function M.jobs(text, flags, files)
  local output, status = M.text(text, flags, files)
  assert(status == 0, output)
  return cjson.decode(output).job or {}
end

--- The one job around a task's fields, given as text.
function M.task(fields)
  return M.jobs(([[
    return { Job { cluster = "c", role = "r", environment = "test", name = "j",
      task = Task { resources = Resources { cpu = 1, ram = 1*MB, disk = 1*MB }, %s } } }
  ]]):format(fields))[1].task
end

--- What an expression is, as text, after some statements.
function M.value(statements, expression)
  local job = M.jobs(([[
    local function shown(value)
      return value == nil and "nil" or tostring(value)
    end
    %s
    local RESULT = shown(%s)
    return { Job { cluster = "c", role = "r", environment = "test", env = { R = RESULT },
      task = SimpleTask("t", "true") } }
  ]]):format(statements, expression))[1]
  return job.env[1].value
end

--- Problems of a text as { {line =, message =}, ... } besides the output.
function M.problems(text, flags, files)
  local output, status = M.text(text, flags, files)
  local list = {}
  for line, message in ('\n' .. output):gmatch('\n[%w_./]+%.lua:(%d+): ([^\n]*)') do
    list[#list + 1] = { line = tonumber(line), message = message }
  end
  return list, output, status
end

return M
