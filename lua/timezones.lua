-- lua5.4 lua/timezones.lua > src/base/timezone_names.c: the names of the time
-- zones of Debian's tzdata, zones and links. After an update of tzdata, run it
-- again.

local names, version = {}, '?'
for line in io.lines(arg[1] or '/usr/share/zoneinfo/tzdata.zi') do
  version = line:match('^# version (%S+)') or version
  names[#names + 1] = line:match('^Z (%S+)') or line:match('^L %S+ (%S+)')
end
table.sort(names)

print(('/* Written by lua/timezones.lua from tzdata %s. */'):format(version))
print '#include "base/timezone.h"'
print '#include <stddef.h>\n'
print '/* clang-format off */'
print 'const char *const TIMEZONES[] = {'
local row = '   '
for _, name in ipairs(names) do
  local item = (' "%s",'):format(name)
  if #row + #item > 80 then
    print(row)
    row = '   '
  end
  row = row .. item
end
print(row)
print '    NULL};\n/* clang-format on */'
