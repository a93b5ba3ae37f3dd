local a = Process { name = 'a', cmdline = 'true' }
local b = Proces { name = 'b' } -- expect: undefined name 'Proces'
return {}
