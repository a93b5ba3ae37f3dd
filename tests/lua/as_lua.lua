--- A job in its JSON form as a job file again: what the language says of it must
--- be the same job. Functions cannot be written back; a job holds only their
--- numbers.

local M = {}

local function text(value) return ('%q'):format(value):gsub('\\\n', '\\n') end

local function plain(value)
  if type(value) == 'string' then return text(value) end
  if math.type(value) == 'float' and value == math.floor(value) then
    return ('%d'):format(value)
  end
  return tostring(value)
end

local function thousandths(value) return ('%.3f'):format(value / 1000) end

--- NAME { field = value, ... }, of the pairs { name, text }.
local function call(name, fields)
  local parts = {}
  for i, field in ipairs(fields) do parts[i] = field[1] .. ' = ' .. field[2] end
  return name .. ' { ' .. table.concat(parts, ', ') .. ' }'
end

--- Fields that are written as they stand, but for those of `special`: a function
--- that gives the field's name and text, or false to leave it out.
local function object(name, message, special)
  local keys, fields = {}, {}
  for key in pairs(message) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local how = special[key]
    if how then
      fields[#fields + 1] = { how(message[key]) }
    elseif how == nil then
      fields[#fields + 1] = { key, plain(message[key]) }
    end
  end
  return call(name, fields)
end

local function list(values, write)
  local parts = {}
  for i, value in ipairs(values) do parts[i] = write(value) end
  return '{ ' .. table.concat(parts, ', ') .. ' }'
end

--- { ["name"] = value } of a list of pairs.
local function map(entries, key, write)
  return list(entries, function(entry)
    return ('[%s] = %s'):format(text(entry[key]), write(entry))
  end)
end

local function environment(entries)
  return 'env', map(entries, 'name', function(entry) return text(entry.value) end)
end

local function as(name, write)
  return function(value) return name, write(value) end
end

--- The same, for a value that is another message.
local function inner(name, constructor, special)
  return as(name, function(message) return object(constructor, message, special or {}) end)
end

local OPERATORS = {
  ONE_OF = 'one_of', NONE_OF = 'none_of', LIMIT = 'limit', UNIQUE = 'unique',
  CLUSTER = 'cluster_on', GROUP_BY = 'group_by', LIKE = 'like', UNLIKE = 'unlike',
  MAX_PER = 'max_per',
}

local function host_constraint(entry)
  local arguments = list(entry.values or {}, text):sub(2, -2)
  return ('%s(%s)'):format(OPERATORS[entry.kind],
    entry.limit and plain(entry.limit) or arguments)
end

local function command(message, value)
  return message.raw and 'raw(' .. text(value) .. ')' or text(value)
end

local function process(message)
  return object('Process', message, {
    raw = false,
    cmdline = function(value) return 'cmdline', command(message, value) end,
    env = environment,
    logger = as('logger', function(logger)
      return object('Logger', {
        destination = logger.destination, mode = logger.mode,
        rotate = logger.log_size and logger,
      }, {
        rotate = as('rotate', function(rotate)
          return call('Rotate', { { 'log_size', plain(rotate.log_size) },
            { 'backups', plain(rotate.backups) } })
        end),
      })
    end),
  })
end

local function task(message)
  return object('Task', message, {
    processes = as('processes', function(processes) return list(processes, process) end),
    constraints = as('constraints', function(chains)
      return list(chains, function(chain)
        return 'order(' .. list(chain.order, text):sub(2, -2) .. ')'
      end)
    end),
    resources = inner('resources', 'Resources', {
      cpu_milli = as('cpu', thousandths), ram_bytes = as('ram', plain),
      disk_bytes = as('disk', plain),
    }),
  })
end

local STRATEGIES = {
  BATCH = 'BatchUpdateStrategy', VARIABLE_BATCH = 'VariableBatchUpdateStrategy',
}

local function strategy(update)
  local size = { 'batch_size', plain(update.batch_size) }
  if update.strategy == 'VARIABLE_BATCH' then
    size = { 'batch_sizes', list(update.batch_sizes, plain) }
  end
  return call(STRATEGIES[update.strategy],
    { size, { 'autopause_after_batch', plain(update.autopause_after_batch) } })
end

local function update(message)
  return object('Update', message, {
    strategy = function()
      if message.strategy == 'QUEUE' then return 'batch_size', plain(message.batch_size) end
      return 'update_strategy', strategy(message)
    end,
    batch_size = false, batch_sizes = false, autopause_after_batch = false,
    canary = inner('canary', 'Canary'),
  })
end

local function seconds(name) return as(name .. '_secs', thousandths) end

--- The whole file of a list of jobs.
function M.file(jobs)
  return 'return ' .. list(jobs, function(job)
    return object('Job', job, {
      bundle_hash = false, port_names = false,
      constraints = as('constraints', function(entries)
        return map(entries, 'attribute', host_constraint)
      end),
      env = environment,
      metadata = as('metadata', function(entries)
        return map(entries, 'key', function(entry) return text(entry.value) end)
      end),
      task = as('task', task),
      update = as('update', update),
      health_check = inner('health_check', 'HealthCheck', {
        http = inner('http', 'HttpCheck'), tcp = inner('tcp', 'TcpCheck'),
        shell = as('shell', function(shell)
          return object('ShellCheck', shell, {
            raw = false,
            shell_command = function(value) return 'shell_command', command(shell, value) end,
          })
        end),
        initial_interval_ms = seconds 'initial_interval',
        interval_ms = seconds 'interval', timeout_ms = seconds 'timeout',
      }),
      lifecycle = as('lifecycle', function(message)
        return call('Lifecycle', { { 'http', object('HttpLifecycle', message, {}) } })
      end),
      announce = inner('announce', 'Announcer', {
        portmap = as('portmap', function(entries)
          return map(entries, 'name', function(entry)
            return plain(entry.target or entry.port)
          end)
        end),
      }),
      partition_policy = inner('partition_policy', 'Partition'),
    })
  end)
end

return M
