-- A small HTTP server for tests, run as a task: lua5.4 server.lua PORT DIR [deaf]
-- GET answers with the text of DIR/health ("ok" while there is none); every POST
-- is written to DIR/calls; /quitquitquit and /abortabortabort end it, unless it
-- is "deaf" to the first. A text that begins with three digits is the status;
-- "drip" answers a byte at a time and "flood" with more than anybody wants.
local socket = require 'socket'

local port, dir, mood = arg[1], arg[2], arg[3]
local server = assert(socket.bind('127.0.0.1', tonumber(port)))

local function health()
  local file = io.open(dir .. '/health')
  if not file then return 'ok' end
  local text = file:read('a')
  file:close()
  return text
end

local function note(text)
  local file = assert(io.open(dir .. '/calls', 'a'))
  file:write(text, '\n')
  file:close()
end

local function drip(client)
  repeat
    socket.sleep(0.2)
  until not client:send('H')
end

local function flood(client)
  client:send('HTTP/1.1 200 x\r\nContent-Length: 104857600\r\n\r\n')
  local piece = ('o'):rep(65536)
  for _ = 1, 1600 do
    if not client:send(piece) then return end
  end
end

local STRANGE = { drip = drip, flood = flood }

while true do
  local client = server:accept()
  client:settimeout(2)
  local method, path = (client:receive('*l') or ''):match('^(%S+) (%S+)')
  repeat local line = client:receive('*l') until not line or line == ''
  local text = method == 'GET' and health() or 'ok'
  local status = text:match('^(%d%d%d)') or '200'
  if method == 'POST' then note(path) end
  if STRANGE[text] then
    STRANGE[text](client)
  else
    client:send(('HTTP/1.1 %s x\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: %d\r\n\r\n%s')
      :format(status, #text, text))
  end
  client:close()
  if method == 'POST' and (path == '/abortabortabort' or
      path == '/quitquitquit' and mood ~= 'deaf') then
    os.exit(0)
  end
end
