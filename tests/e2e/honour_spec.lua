-- What no part of the cluster can do is said before and refused then: for every
-- job of the examples, `check` warns exactly when `create` refuses, and both
-- name the same field.
local cjson = require 'cjson'
local cluster = require 'support.cluster'
local evaluate = require 'lua.evaluate'
local run = require 'support.run'

-- Job files of configs/examples.
local function examples()
  local list = {}
  local pipe = assert(io.popen(('cd %s/configs/examples && ls *.lua book/*.lua templates/*.lua')
    :format(run.root)))
  for path in pipe:lines() do
    local is_daemon = path == 'agent.lua' or path == 'aurora.lua' or path == 'master.lua'
    if not is_daemon and not path:find('_test%.lua$') then
      list[#list + 1] = run.root .. '/configs/examples/' .. path
    end
  end
  pipe:close()
  return list
end

local function keys_of(file)
  local output, status = evaluate.file(file)
  assert.equal(0, status, output)
  local keys = {}
  for i, job in ipairs(cjson.decode(output).job or {}) do
    keys[i] = ('%s/%s/%s/%s'):format(job.cluster, job.role, job.environment, job.name)
  end
  return keys
end

--- Keys of jobs that begin with a group, and the key of that group.
local function grouped(file)
  local output, status = evaluate.file(file, '--groups')
  assert.equal(0, status, output)
  local members = {}
  local function walk(group, top)
    for _, key in ipairs(group.jobs or {}) do
      members[key] = key:gsub('[^/]+$', '') .. top
    end
    for _, inner in ipairs(group.groups or {}) do walk(inner, top) end
  end
  for text in output:gmatch('%b{}') do
    local group = cjson.decode(text)
    walk(group, group.name)
  end
  return members
end

-- What this cluster was started without, which check does not know.
local function is_of_this_cluster(text)
  return text:find('this cluster has no ZooKeeper', 1, true)
    or text:find('this cluster sends no mail', 1, true)
end

describe('what a cluster cannot do', function()
  local c
  setup(function() c = cluster.start { agents = 1 } end)
  teardown(function() c:stop() end)

  for _, file in ipairs(examples()) do
    local name = file:match('configs/examples/(.*)$')
    it('is refused of ' .. name .. ' as check says', function()
      local told = cjson.decode(c:must { 'check', '--json', file }).files[1]
      local warned, all = {}, {}
      for _, warning in ipairs(told.warnings) do
        if warning.job then
          warned[warning.job] = warned[warning.job] or warning.field
        else
          all[#all + 1] = warning.field
        end
      end
      if #all > 0 then
        local result = c:cli { 'apply', file }
        assert.not_equal(0, result.status, all[1] .. ' is not refused by apply')
        assert.matches(all[1]:lower(), (result.err .. result.out):lower(), 1, true)
      end
      local keys, members, groups = keys_of(file), grouped(file), {}
      assert.equal(told.jobs, #keys)
      for _, key in ipairs(keys) do
        local result = c:cli { 'create', key, file }
        local field = warned[key] or all[1]
        if members[key] then
          assert.matches('begins with its group', result.err, 1, true)
          groups[members[key]] = groups[members[key]] or field or ''
        elseif is_of_this_cluster(result.err) then
          assert.not_equal(0, result.status)
        elseif field then
          assert.not_equal(0, result.status, key .. ': ' .. field .. ' is not refused')
          assert.matches(field, result.err, 1, true)
        else
          assert.equal(0, result.status, result.err)
          c:must { 'killall', key, '--no-wait' }
        end
      end
      for key, field in pairs(groups) do
        local result = c:cli { 'create', key, file }
        local elsewhere = is_of_this_cluster(result.err)
        assert.equal(field == '' and not elsewhere, result.status == 0, result.err)
        assert.matches(elsewhere and '' or field, result.err, 1, true)
        if field == '' then c:must { 'group', 'remove', key, '--no-wait' } end
      end
    end)
  end
end)
