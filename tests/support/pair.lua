--- A master and an agent as programs, in a directory and on ports of their own.

local framework = require 'support.framework'
local run = require 'support.run'
local socket = require 'socket'

local Pair = {}
Pair.__index = Pair

function Pair.sh(line)
  local pipe = assert(io.popen(line))
  local text = pipe:read('a')
  pipe:close()
  return text
end
local sh = Pair.sh

Pair.is_root = sh('id -u') == '0\n'
-- Control groups with a memory controller that we may use.
Pair.has_cgroups = Pair.is_root and (
  os.execute('mkdir -p /sys/fs/cgroup/memory/perigee 2>/dev/null') or
  os.execute('grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/dev/null && ' ..
    'mkdir -p /sys/fs/cgroup/perigee 2>/dev/null'))

function Pair.free_port()
  local listener = assert(socket.bind('127.0.0.1', 0))
  local _, port = listener:getsockname()
  listener:close()
  return tonumber(port)
end

-- A zombie is dead, however long its parent takes to notice, when its last
-- thread is one.
function Pair.is_alive(pid)
  return sh(('cat /proc/%d/task/*/stat 2>/dev/null'):format(pid)):find('%) [^Z] ?') ~= nil
end

--- flags: of the agent. options: prefix (of the agent's command), master (flags),
--- resources.
function Pair.start(flags, options)
  options = options or {}
  local self = setmetatable({ dir = run.temp(), flags = flags or '', prefix = options.prefix or '',
    master_flags = options.master or '', resources = options.resources or
    '--resources="cpus:4;mem:4096;disk:1000;ports:[31000-31009]"' }, Pair)
  os.execute('chmod 777 ' .. self.dir)
  self.master_port, self.agent_port = Pair.free_port(), Pair.free_port()
  self.master = 'http://127.0.0.1:' .. self.master_port
  self.agent = 'http://127.0.0.1:' .. self.agent_port
  self:start_master()
  self:start_agent()
  return self
end

function Pair:spawn(program, flags, prefix)
  return tonumber(sh(('%s %s/%s %s >>%s/log 2>&1 & echo $!'):format(prefix or '', run.bin, program,
    flags, self.dir)))
end

function Pair:await_health(what, url)
  local up, why = pcall(run.eventually, 10, what, function()
    return run.get(url .. '/health').status == 200
  end)
  assert(up, tostring(why) .. '\n' .. run.read(self.dir .. '/log'))
end

function Pair:start_master()
  self.master_pid = self:spawn('perigee-master', ('--port=%d --work_dir=%s/master %s'):format(
    self.master_port, self.dir, self.master_flags))
  self:await_health('master', self.master)
end

function Pair:start_agent()
  self.agent_pid = self:spawn('perigee-agent', ('--master=127.0.0.1:%d --port=%d ' ..
    '--work_dir=%s/agent %s %s'):format(self.master_port, self.agent_port, self.dir,
    self.resources, self.flags), self.prefix)
  self:await_health('agent', self.agent)
end

--- Send a signal and wait until the process is gone.
function Pair.kill(_, pid, signal)
  os.execute('kill -' .. signal .. ' ' .. pid)
  run.eventually(10, 'process gone', function() return not Pair.is_alive(pid) end)
end

function Pair:framework(info)
  self.fw = framework.open(self.master_port, info)
  return self.fw
end

--- What the master answers to an operator call without a body.
function Pair:ask(kind)
  local answer = run.post(self.master .. '/api/v1', { type = kind })
  assert(answer.status == 200, kind .. ': ' .. tostring(answer.status) .. ' ' .. answer.body)
  return answer.json[kind:lower()]
end

--- Wait until the master has an agent that is up; that.
function Pair:await_agent()
  return run.eventually(10, 'agent registered', function()
    local agent = self:ask('GET_AGENTS').agents[1]
    return agent and agent.active and agent
  end)
end

--- Every process that has this pair's directory in its environment.
function Pair:processes()
  return sh('grep -alF ' .. self.dir .. '/agent/slaves /proc/[0-9]*/environ 2>/dev/null | ' ..
    'cut -d/ -f3')
end

--- The process that runs a task of thermos; nil when there is none.
function Pair:runner(id)
  for pid in self:processes():gmatch '%d+' do
    local environ = run.read('/proc/' .. pid .. '/environ') or ''
    local title = run.read('/proc/' .. pid .. '/cmdline') or ''
    if title:find '^thermos%zrunner' and
      environ:find('MESOS_EXECUTOR_ID=' .. id .. '\0', 1, true) then
      return tonumber(pid)
    end
  end
end

function Pair:stop()
  os.execute('kill -CONT ' .. self.agent_pid .. ' 2>/dev/null')
  if self.fw then self.fw:close() end
  run.eventually(20, 'no process left', function() return self:processes() == '' end)
  for _, pid in ipairs { self.agent_pid, self.master_pid } do
    if Pair.is_alive(pid) then self:kill(pid, 'KILL') end
  end
  run.remove(self.dir)
end

function Pair.parent(pid)
  return tonumber(run.read('/proc/' .. pid .. '/status'):match('PPid:%s*(%d+)'))
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
