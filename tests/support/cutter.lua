-- Between a program and its ZooKeeper: lua5.4 cutter.lua PORT SERVER_PORT LOG
-- Hands on everything both ways; but the answer to the first making of an
-- ephemeral, sequential node is kept back and the connection cut, so that the
-- program cannot know whether the node is there. Says "cut" into LOG then.
local socket = require 'socket'

local listener = assert(socket.bind('127.0.0.1', tonumber(arg[1])))
local peer, kind = {}, {} -- by socket
local has_cut = false

local function link(client)
  local server = socket.connect('127.0.0.1', tonumber(arg[2]))
  if not server then client:close() return end
  peer[client], peer[server] = server, client
  kind[client], kind[server] = 'client', 'server'
  client:settimeout(5)
  server:settimeout(5)
end

local function cut(a)
  local b = peer[a]
  for _, s in ipairs { a, b } do
    peer[s], kind[s] = nil, nil
    s:close()
  end
end

-- The kind of call stands behind its number; its last four bytes are the flags:
-- 1 ephemeral, 2 sequential.
local function is_making(frame)
  return #frame > 12 and string.unpack('>i4', frame, 5) == 1 and
    string.unpack('>i4', frame, #frame - 3) == 3
end

local function frame_of(from)
  local head = from:receive(4)
  local body = head and from:receive((string.unpack('>I4', head)))
  return head, body
end

local function hand_on(from)
  local head, body = frame_of(from)
  if not body then cut(from) return end
  peer[from]:send(head .. body)
  if kind[from] == 'client' and not has_cut and is_making(body) then
    has_cut = true
    frame_of(peer[from])
    local log = assert(io.open(arg[3], 'a'))
    log:write('cut\n')
    log:close()
    cut(from)
  end
end

while true do
  local all = { listener }
  for s in pairs(peer) do all[#all + 1] = s end
  for _, ready in ipairs((socket.select(all))) do
    if ready == listener then
      local client = listener:accept()
      if client then link(client) end
    elseif peer[ready] then
      hand_on(ready)
    end
  end
end
