-- A master's port with ears: lua5.4 recorder.lua PORT MASTER_PORT DIR. Passes on
-- what is POSTed to /api/v1/scheduler, keeps each body as DIR/N.call, and writes a
-- line for each request to DIR/requests. Everything else is refused with 404: to
-- who speaks through it, the master has nothing but its v1 scheduler API.
local socket = require 'socket'

local port, master_port, dir = arg[1], tonumber(arg[2]), arg[3]
local server = assert(socket.bind('127.0.0.1', tonumber(port)))
server:settimeout(0)

local pairs_of = {} -- by socket: { client =, master =, held = }
local sockets = { server }
local count = 0

local function note(line)
  local file = assert(io.open(dir .. '/requests', 'a'))
  file:write(line, '\n')
  file:close()
end

local function forget(one)
  for i = #sockets, 1, -1 do
    if sockets[i] == one.client or sockets[i] == one.master then table.remove(sockets, i) end
  end
  pairs_of[one.client], pairs_of[one.master] = nil, nil
  one.client:close()
  one.master:close()
end

local function accept()
  local client = server:accept()
  if not client then return end
  local master = assert(socket.connect('127.0.0.1', master_port))
  local one = { client = client, master = master, held = '' }
  pairs_of[client], pairs_of[master] = one, one
  sockets[#sockets + 1], sockets[#sockets + 2] = client, master
end

local function send(to, text)
  to:settimeout(10)
  to:send(text)
end

-- Whole requests only: a call is passed on when all of it is here.
local function requests(one)
  while true do
    local head, from = one.held:match('^(.-\r\n\r\n)()')
    if not head then return end
    local length = tonumber(head:lower():match('content%-length: *(%d+)')) or 0
    if #one.held < from + length - 1 then return end
    local body = one.held:sub(from, from + length - 1)
    local line = head:match('^[^\r]*')
    one.held = one.held:sub(from + length)
    local kind = head:lower():match('content%-type: *([^\r]*)')
    if line:match('^POST /api/v1/scheduler HTTP/1.1$') and kind == 'application/x-protobuf' then
      count = count + 1
      local file = assert(io.open(('%s/%d.call'):format(dir, count), 'wb'))
      file:write(body)
      file:close()
      note(line)
      send(one.master, head .. body)
    else
      note('REFUSED ' .. line)
      send(one.client, 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
    end
  end
end

local function pass(from)
  local one = pairs_of[from]
  if not one then return end
  from:settimeout(0)
  local whole, why, part = from:receive(65536)
  local text = whole or part
  if #text == 0 and why == 'closed' then return forget(one) end
  if from == one.master then
    send(one.client, text)
  else
    one.held = one.held .. text
    requests(one)
  end
end

while true do
  for _, ready in ipairs((socket.select(sockets, nil, 1))) do
    if ready == server then accept() else pass(ready) end
  end
end
