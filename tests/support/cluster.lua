--- A dev cluster of its own for a test: fresh directory, free ports, its own
--- HOME, so that tests run beside each other and beside a person's cluster.

local cjson = require 'cjson'
local run = require 'support.run'

local M = {}
M.__index = M

--- options: agents (1), env (more variables). The cluster is ready when this returns.
function M.start(options)
  options = options or {}
  local self = setmetatable({ dir = run.temp(), agents = options.agents or 1 }, M)
  -- Tasks run as their role's user, who must reach the sandbox below.
  os.execute('chmod 755 ' .. self.dir)
  self.base = run.free_base(12 + self.agents)
  self.env = { HOME = self.dir, XDG_CONFIG_HOME = self.dir .. '/config' }
  for name, value in pairs(options.env or {}) do self.env[name] = value end
  self:up()
  return self
end

function M:up()
  local started = self:cli { 'dev', 'start', '--dir', self.dir .. '/dev', '--port', self.base,
    '--agents', self.agents, '--json', timeout = 40 }
  assert(started.status == 0, started.out .. started.err)
  self.info = cjson.decode(started.out)
  self.aurora = 'http://' .. self.info.aurora
  self.master = 'http://' .. self.info.master
  return self
end

function M:stop()
  local stopped = self:cli { 'dev', 'stop', '--dir', self.dir .. '/dev', timeout = 40 }
  run.remove(self.dir)
  assert(stopped.status == 0, stopped.out .. stopped.err)
end

--- clusterctl with this cluster's environment. A table of words; `timeout` and
--- `cwd` may stand beside them.
function M:cli(words)
  local all = { run.bin .. '/clusterctl' }
  for _, word in ipairs(words) do all[#all + 1] = word end
  return run.run(all, { env = self.env, timeout = words.timeout, cwd = words.cwd })
end

--- What a person sees of it on a terminal.
function M:terminal(words)
  local line = { run.bin .. '/clusterctl' }
  for _, word in ipairs(words) do line[#line + 1] = run.quoted(word) end
  local env = { TERM = 'xterm' }
  for name, value in pairs(self.env) do env[name] = value end
  return run.run({ 'script', '-qec', table.concat(line, ' '), '/dev/null' }, { env = env }).out
end

--- The same, must succeed; with --json the decoded answer.
function M:must(words)
  local result = self:cli(words)
  assert(result.status == 0,
    ('%s: status %s\n%s%s'):format(table.concat(words, ' '), result.status, result.out,
      result.err))
  if words[#words] == '--json' then return cjson.decode(result.out) end
  return result.out
end

--- A job file in the cluster's directory; returns its path.
function M:file(name, text)
  return run.write(self.dir .. '/' .. name, text)
end

--- Processes whose command line matches a pattern and belongs to this cluster.
function M:pids(pattern)
  local found = {}
  local pipe = assert(io.popen('ls /proc'))
  for pid in pipe:lines() do
    if pid:match('^%d+$') then
      local line = (run.read('/proc/' .. pid .. '/cmdline') or ''):gsub('\0', ' ')
      local environ = run.read('/proc/' .. pid .. '/environ') or ''
      if line:find(pattern) and (line .. environ):find(self.dir, 1, true) then
        found[#found + 1] = tonumber(pid)
      end
    end
  end
  pipe:close()
  return found
end

function M.kill(pid, signal)
  os.execute('kill -' .. (signal or 'KILL') .. ' ' .. pid)
end

--- Active tasks of a job by instance: { [0] = task }.
function M:tasks(key)
  local answer = self:must { 'status', key, '--json' }
  local active = {}
  for _, task in ipairs(answer.tasks or {}) do
    local ended = ({ FINISHED = 1, FAILED = 1, KILLED = 1, LOST = 1 })[task.state]
    if not ended then
      local instance = task.instance or 0
      assert(active[instance] == nil, 'two live tasks of instance ' .. instance)
      active[instance] = task
    end
  end
  return active
end

--- A service that sleeps, as a job file's text.
function M.sleeper(name, instances, cpu)
  return ([[
return { Service { cluster = "devcluster", role = "www-data", environment = "test",
  name = "%s", instances = %d,
  task = Task { processes = { Process { name = "sleep", cmdline = "exec sleep 1000" } },
    resources = Resources { cpu = %s, ram = 16*MB, disk = 1*MB } } } }
]]):format(name, instances, cpu or '0.1')
end

return M
