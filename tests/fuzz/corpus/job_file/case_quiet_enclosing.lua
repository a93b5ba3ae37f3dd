-- What is wrong inside is told once, not again by what is around it.
local p = Process { name = "p", comand = "true" } -- expect: unknown field 'comand' -- expect: missing field 'cmdline'
local t = Task { processes = { p }, resources = Resources { cpu = 1, ram = 1*MB } } -- expect: missing field 'disk'
return { Service { cluster = "c", role = "r", environment = "test", name = "n", task = t } }
