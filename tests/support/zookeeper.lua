--- A real ZooKeeper (Debian's zookeeper package) on a free port, in a directory
--- of its own; killed and restarted at will. And as much of its protocol as a
--- test needs to look inside: list, read, delete, and who owns a node.

local run = require 'support.run'
local socket = require 'socket'

local M = {}
M.__index = M

local JAR = '/usr/share/java/zookeeper.jar'

--- Why it cannot be started here; nil when it can.
function M.missing()
  if not io.open(JAR) then return 'there is no ' .. JAR .. ' (package zookeeper)' end
  if not os.execute('command -v java >/dev/null') then return 'there is no java' end
end

function M.start()
  local self = setmetatable({ dir = run.temp() }, M)
  self.port = run.free_base(1)
  self.address = '127.0.0.1:' .. self.port
  run.write(self.dir .. '/zoo.cfg', ([[
tickTime=200
minSessionTimeout=400
maxSessionTimeout=4000
dataDir=%s/data
clientPort=%d
clientPortAddress=127.0.0.1
admin.enableServer=false
]]):format(self.dir, self.port))
  return self:up()
end

function M:up()
  local pipe = assert(io.popen(('cd %s && exec setsid java -Xmx128m -XX:TieredStopAtLevel=1 '
    .. '-XX:+UseSerialGC -cp %s org.apache.zookeeper.server.ZooKeeperServerMain zoo.cfg '
    .. '>>log 2>&1 </dev/null & echo $!'):format(self.dir, JAR)))
  self.pid = tonumber(pipe:read('l'))
  pipe:close()
  run.eventually(30, 'ZooKeeper on ' .. self.address, function()
    return pcall(function() self:list('/') end)
  end)
  return self
end

--- The processes stay away until up().
function M:kill()
  os.execute('kill -KILL ' .. self.pid)
  run.eventually(10, 'the end of ZooKeeper', function()
    return run.port_is_free(self.port)
  end)
end

function M:stop()
  os.execute('kill -KILL ' .. self.pid .. ' 2>/dev/null')
  run.remove(self.dir)
end

-- --- the protocol ---

local function exactly(connection, count)
  return assert(connection:receive(count))
end

local function ask(self, kind, body)
  local connection = assert(socket.connect('127.0.0.1', self.port))
  connection:settimeout(5)
  local hello = string.pack('>i4i8i4i8s4', 0, 0, 2000, 0, ('\0'):rep(16))
  connection:send(string.pack('>s4', hello))
  exactly(connection, string.unpack('>I4', exactly(connection, 4)))
  if self.credential then
    connection:send(string.pack('>s4', string.pack('>i4i4i4s4s4', -4, 100, 0, 'digest',
      self.credential)))
    exactly(connection, string.unpack('>I4', exactly(connection, 4)))
  end
  connection:send(string.pack('>s4', string.pack('>i4i4', 1, kind) .. body))
  local answer = exactly(connection, string.unpack('>I4', exactly(connection, 4)))
  connection:send(string.pack('>s4', string.pack('>i4i4', 2, -11))) -- the end
  connection:close()
  local _, _, code, at = string.unpack('>i4i8i4', answer)
  if code ~= 0 then error('ZooKeeper says ' .. code, 0) end
  return answer, at
end

--- Names below a path, sorted.
function M:list(path)
  local answer, at = ask(self, 8, string.pack('>s4B', path, 0))
  local names, count = {}, string.unpack('>i4', answer, at)
  at = at + 4
  for i = 1, count do names[i], at = string.unpack('>s4', answer, at) end
  table.sort(names)
  return names
end

--- The same; empty where there is no such node, or nobody to ask.
function M:members(path)
  local fine, names = pcall(self.list, self, path)
  return fine and names or {}
end

--- What a node holds, and the session that owns it (0: none).
function M:get(path)
  local answer, at = ask(self, 4, string.pack('>s4B', path, 0))
  local text
  text, at = string.unpack('>s4', answer, at)
  local owner = string.unpack('>i8', answer, at + 8 * 4 + 4 * 3)
  return text, owner
end

--- Who may do what with a node: { { may, scheme, id }, ... }.
function M:acl(path)
  local answer, at = ask(self, 6, string.pack('>s4', path))
  local list, count = {}, string.unpack('>i4', answer, at)
  at = at + 4
  for i = 1, count do
    local may, scheme, id
    may, scheme, id, at = string.unpack('>i4s4s4', answer, at)
    list[i] = { may, scheme, id }
  end
  return list
end

--- The same server, to somebody with a digest: "user:password".
function M:as(credential)
  return setmetatable({ port = self.port, credential = credential }, M)
end

function M:delete(path)
  ask(self, 2, string.pack('>s4i4', path, -1))
end

return M
