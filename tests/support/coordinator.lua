-- A coordinator for tests: lua5.4 coordinator.lua PORT DIR. Every POST is
-- written to DIR/calls (its path, then its body on a line); the answer is
-- DIR/answer: "STATUS BODY", 200 {"drain": false} while there is none.
local socket = require 'socket'

local port, dir = arg[1], arg[2]
local server = assert(socket.bind('127.0.0.1', tonumber(port)))

local function answer()
  local file = io.open(dir .. '/answer')
  if not file then return '200', '{"drain": false}' end
  local text = file:read('a')
  file:close()
  return text:match('^(%d+) (.*)')
end

while true do
  local client = server:accept()
  client:settimeout(5)
  local path = (client:receive('*l') or ''):match('^POST (%S+)')
  local size = 0
  repeat
    local line = client:receive('*l')
    size = tonumber((line or ''):lower():match('^content%-length: (%d+)')) or size
  until not line or line == ''
  local body = size > 0 and client:receive(size) or ''
  local file = assert(io.open(dir .. '/calls', 'a'))
  file:write(tostring(path), '\n', body or '', '\n')
  file:close()
  local status, text = answer()
  client:send(('HTTP/1.1 %s x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s')
    :format(status, #text, text))
  client:close()
end
