--- Plant one bug: lua5.4 plant.lua MUTANT ROOT
--
-- A mutant file says what it breaks and replaces one piece of one source:
--
--     why: kills are not remembered
--     file: src/master/core/tasks.c
--     old:
--     |    task->is_kill_wanted = true;
--     new:
--     |    task->is_kill_wanted = false;
--
-- The old lines must be there exactly once, or the mutant is out of date and
-- that is an error. Prints the path of the changed file.

local function read(path)
  local file = assert(io.open(path, 'rb'))
  local text = file:read('a')
  file:close()
  return text
end

local function parse(path)
  local mutant = { old = {}, new = {} }
  local part
  for line in io.lines(path) do
    local name, value = line:match('^(%l+):%s*(.*)$')
    if line:sub(1, 1) == '|' and part then
      table.insert(mutant[part], line:sub(2))
    elseif name == 'old' or name == 'new' then
      part = name
    elseif name then
      mutant[name] = value
    elseif line ~= '' then
      error(path .. ': cannot read: ' .. line, 0)
    end
  end
  assert(mutant.why and mutant.file and #mutant.old > 0, path .. ': incomplete')
  return mutant
end

local function count(text, piece)
  local found, from = 0, 1
  while true do
    local at = text:find(piece, from, true)
    if not at then
      return found
    end
    found, from = found + 1, at + 1
  end
end

local mutant = parse(arg[1])
local path = arg[2] .. '/' .. mutant.file
local text = read(path)
local old = table.concat(mutant.old, '\n') .. '\n'
local new = #mutant.new > 0 and table.concat(mutant.new, '\n') .. '\n' or ''
local found = count(text, old)
if found ~= 1 then
  io.stderr:write(('%s: its old text is %d times in %s, want once\n'):format(arg[1], found,
    mutant.file))
  os.exit(1)
end
local at = text:find(old, 1, true)
local file = assert(io.open(path, 'wb'))
file:write(text:sub(1, at - 1), new, text:sub(at + #old))
file:close()
print(mutant.file)
