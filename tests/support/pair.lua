--- A master and an agent, without a scheduler, in a directory of their own.

local framework = require 'support.framework'
local run = require 'support.run'
local socket = require 'socket'

local function sh(line)
  local pipe = assert(io.popen(line))
  local text = pipe:read('a')
  pipe:close()
  return text
end

local function free_port()
  local listener = assert(socket.bind('127.0.0.1', 0))
  local _, port = listener:getsockname()
  listener:close()
  return port
end

-- A zombie is dead, however long its parent takes to notice, when its last
-- thread is one.
local function is_alive(pid)
  return sh(('cat /proc/%d/task/*/stat 2>/dev/null'):format(pid)):find('%) [^Z] ?') ~= nil
end

local Pair = { is_alive = is_alive, sh = sh }
Pair.__index = Pair

--- `flags` and `prefix` are the agent's.
function Pair.start(flags, prefix)
  local self = setmetatable({ dir = run.temp(), flags = flags or '', prefix = prefix or '' }, Pair)
  os.execute('chmod 777 ' .. self.dir)
  self.master_port, self.agent_port = free_port(), free_port()
  self.agent = 'http://127.0.0.1:' .. self.agent_port
  self.master_pid = self:spawn('perigee-master', ('--port=%d --work_dir=%s/master'):format(
    self.master_port, self.dir))
  run.eventually(10, 'master', function()
    return run.get('http://127.0.0.1:' .. self.master_port .. '/health').status == 200
  end)
  self:start_agent()
  return self
end

function Pair:spawn(program, flags, prefix)
  return tonumber(sh(('%s %s/%s %s >>%s/log 2>&1 & echo $!'):format(prefix or '', run.bin, program,
    flags, self.dir)))
end

function Pair:start_agent()
  self.agent_pid = self:spawn('perigee-agent', ('--master=127.0.0.1:%d --port=%d ' ..
    '--work_dir=%s/agent --resources="cpus:4;mem:4096;disk:1000;ports:[31000-31009]" %s'):format(
    self.master_port, self.agent_port, self.dir, self.flags), self.prefix)
  local up, why = pcall(run.eventually, 10, 'agent', function()
    return run.get(self.agent .. '/health').status == 200
  end)
  assert(up, tostring(why) .. '\n' .. run.read(self.dir .. '/log'))
end

function Pair.kill(_, pid, signal)
  os.execute('kill -' .. signal .. ' ' .. pid)
  run.eventually(10, 'process gone', function() return not is_alive(pid) end)
end

function Pair:framework(info)
  self.fw = framework.open(self.master_port, info)
  return self.fw
end

--- Every process that has this pair's directory in its environment.
function Pair:processes()
  return sh('grep -alF ' .. self.dir .. '/agent/slaves /proc/[0-9]*/environ 2>/dev/null | ' ..
    'cut -d/ -f3')
end

function Pair:stop()
  if self.fw then self.fw:close() end
  run.eventually(20, 'no process left', function() return self:processes() == '' end)
  for _, pid in ipairs { self.agent_pid, self.master_pid } do
    if is_alive(pid) then self:kill(pid, 'KILL') end
  end
  run.remove(self.dir)
end

--- Path of a task's sandbox as the agent's API has it.
function Pair:sandbox(id)
  return ('/frameworks/%s/executors/%s/runs/latest'):format(self.fw.id.value, id)
end

function Pair:read(id, name)
  local answer = run.get(('%s/files/read?offset=0&path=%s/%s'):format(self.agent, self:sandbox(id),
    name))
  return answer.json and answer.json.data
end

return Pair
