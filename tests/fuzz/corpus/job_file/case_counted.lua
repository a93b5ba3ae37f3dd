for i = 1, 200 do
  local p = Process { name = "p" .. i } -- expect: missing field 'cmdline': want a string (200 times)
end
pcall(function()
  local q = Process { name = 5 } -- expect: 'name' is 5: want a string -- expect: missing field 'cmdline'
  error("caught")
end)
return {}
