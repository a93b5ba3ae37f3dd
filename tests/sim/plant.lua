--- Plant one bug: lua5.4 plant.lua MUTANT ROOT
--- Or only see whether each could be planted: lua5.4 plant.lua --check ROOT MUTANT...
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

--- The source's text, and where the old lines stand in it; or nil and what is wrong.
local function find(mutant, root)
  local text = read(root .. '/' .. mutant.file)
  local old = table.concat(mutant.old, '\n') .. '\n'
  local found = count(text, old)
  if found ~= 1 then
    return nil, ('its old text is %d times in %s, want once'):format(found, mutant.file)
  end
  return text, text:find(old, 1, true)
end

local function check(root, paths)
  local wrong = 0
  for _, path in ipairs(paths) do
    local text, why = find(parse(path), root)
    if not text then
      io.stderr:write(path, ': ', why, '\n')
      wrong = wrong + 1
    end
  end
  return wrong == 0
end

local function plant(path, root)
  local mutant = parse(path)
  local text, from, to = find(mutant, root)
  if not text then
    io.stderr:write(path, ': ', from, '\n')
    return false
  end
  local new = #mutant.new > 0 and table.concat(mutant.new, '\n') .. '\n' or ''
  local file = assert(io.open(root .. '/' .. mutant.file, 'wb'))
  file:write(text:sub(1, from - 1), new, text:sub(to + 1))
  file:close()
  print(mutant.file)
  return true
end

local fine
if arg[1] == '--check' then
  fine = check(arg[2], table.move(arg, 3, #arg, 1, {}))
else
  fine = plant(arg[1], arg[2])
end
os.exit(fine)
