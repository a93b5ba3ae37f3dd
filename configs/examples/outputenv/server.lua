-- lua5.4 server.lua PORT: answer every HTTP request with the environment that
-- this process was started with, one variable a line.
local socket = require 'socket'

local port = assert(tonumber(arg[1]), 'usage: server.lua PORT')

local function environment()
  local file = assert(io.open('/proc/self/environ', 'rb'))
  local lines = {}
  for variable in file:read('a'):gmatch('[^\0]+') do
    lines[#lines + 1] = variable
  end
  file:close()
  table.sort(lines)
  return table.concat(lines, '\n') .. '\n'
end

local function answer(client)
  client:settimeout(5)
  repeat -- the request line and its headers, up to the empty line
    local line = client:receive('*l')
  until not line or line == ''
  local body = environment()
  client:send(('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'
    .. 'Content-Length: %d\r\nConnection: close\r\n\r\n%s'):format(#body, body))
  client:close()
end

local server = assert(socket.bind('0.0.0.0', port))
print('listening on port ' .. port)
io.stdout:flush()
while true do
  local client = server:accept()
  if client then answer(client) end
end
