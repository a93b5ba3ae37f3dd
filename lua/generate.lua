-- lua5.4 lua/generate.lua           write every generated file that is kept
-- lua5.4 lua/generate.lua --check   say which ones are not as they should be
-- lua5.4 lua/generate.lua help      build/gen/help.c, to standard output
-- Everything comes from lua/stdlib/schema and what lua/gen adds to it. Run in
-- the root of the repository, or as `make generate`.

package.path = 'lua/?.lua;' .. package.path

local globals = require 'gen.globals'
local help = require 'gen.help'
local man = require 'gen.man'
local manual = require 'gen.manual'
local meta = require 'gen.meta'
local model = require('gen.model').load 'lua/stdlib'

local function read(path)
  local file = io.open(path, 'rb')
  if not file then return nil end
  local text = file:read('a')
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, 'wb'))
  assert(file:write(text))
  assert(file:close())
end

local files = {
  { 'docs/job-language.md',
    manual.text(model, assert(read 'lua/gen/job-language.md')) },
  { 'docs/operator-files.md',
    manual.text(model, assert(read 'lua/gen/operator-files.md')) },
  { 'docs/man/perigee-job.5.scd', man.text(model) },
  { 'lua/stdlib/luacheck.lua', globals.luacheck(model) },
  { 'lua/stdlib/luacheck_files.lua', globals.luacheck_files(model) },
  { 'lua/stdlib/meta/files.lua', meta.files(model) },
  { 'lua/stdlib/meta/names.lua', meta.names(model) },
  { 'lua/stdlib/meta/objects.lua', meta.objects(model) },
  { 'lua/stdlib/meta/types.lua', meta.types(model) },
}

for _, template in ipairs(model.templates) do
  table.insert(files, { ('lua/stdlib/meta/templates/%s.lua'):format(template.name),
    meta.template(template) })
end

local function check()
  local is_good = true
  for _, file in ipairs(files) do
    if read(file[1]) ~= file[2] then
      io.stderr:write(file[1], ': not what the schema says; make generate\n')
      is_good = false
    end
  end
  os.exit(is_good)
end

if arg[1] == 'help' then
  io.write(help.source(model))
elseif arg[1] == '--check' then
  check()
else
  for _, file in ipairs(files) do
    if read(file[1]) ~= file[2] then write(file[1], file[2]) end
  end
end
