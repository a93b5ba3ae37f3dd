local a = limit(0) -- expect: 'limit' is 0: want an integer from 1 to 1000000
local b = limit("2") -- expect: 'limit' is the string '2': want an integer
local c = one_of() -- expect: no values: want at least one
local d = none_of("a", 5) -- expect: 'values[2]' is 5: want a string
return {}
