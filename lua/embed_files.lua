-- lua5.4 lua/embed_files.lua NAME FILE... : the files as C arrays of bytes,
-- `struct bytes NAME_<file name with _>`, so that a program carries them.

local prefix = assert(arg[1], 'usage: embed_files.lua NAME FILE...')

print '#include "base/bytes.h"'
for i = 2, #arg do
  local file = assert(io.open(arg[i], 'rb'))
  local text = file:read 'a'
  file:close()
  local name = prefix .. '_' .. arg[i]:match('[^/]+$'):gsub('%W', '_')
  print(('\nextern const struct bytes %s;'):format(name))
  print(('static const uint8_t %s_data[] = {'):format(name))
  for at = 1, #text, 16 do
    print('    ' .. table.concat({ text:byte(at, at + 15) }, ', ') .. ',')
  end
  print(('};\nconst struct bytes %s = {%s_data, %d};'):format(name, name, #text))
end
