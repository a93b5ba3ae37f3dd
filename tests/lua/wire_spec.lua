-- Whatever a field is set to arrives in the job: for each field of each object
-- that a job can hold, a job with it is made and its JSON is looked at. Then the
-- JSON is spoilt, field by field, and must be refused as the language refuses
-- it. Cases come from the schema.
package.path = 'lua/?.lua;' .. package.path

local cjson = require 'cjson'
local evaluate = require 'lua.evaluate'
local model_of = require 'gen.model'
local schema_cases = require 'lua.schema_cases'

local model = model_of.load 'lua/stdlib'
local cases = schema_cases.new(model)

-- Ways from a job to each object: lists of { object, field }, shortest first.
local function ways_from(start)
  local ways, queue = { [start] = {} }, { start }
  while #queue > 0 do
    local name = table.remove(queue, 1)
    local object = model.by_name[name]
    for _, field in ipairs((model_of.split(object))) do
      for _, inner in ipairs(field.wire ~= '-' and model_of.objects_of(field) or {}) do
        if not ways[inner] then
          local way = table.move(ways[name], 1, #ways[name], 1, {})
          way[#way + 1] = { object = object, field = field }
          ways[inner] = way
          queue[#queue + 1] = inner
        end
      end
    end
  end
  return ways
end

-- A value that is not the default, as an expression, and what the wire has.
local function unlike_default(field)
  local kind = field[2]
  if kind == 'boolean' then
    return tostring(not field.default), not field.default
  elseif kind == 'integer' then
    local number = field.default or field.min or 0
    number = math.max(number, field.min or number) + 1
    if field.max and number > field.max then number = number - 2 end
    return ('%d'):format(number), number
  elseif kind == 'milli' then
    local number = math.min(2.25, field.max or 2.25)
    if number == field.default then number = 0.5 end
    return ('%.14g'):format(number), math.floor(number * 1000 + 0.5)
  elseif kind == 'mebibytes' then
    return '3*MB + 5', 3 << 20
  elseif kind == 'template' then
    return '"echo {{mesos.instance}}"', 'echo {{mesos.instance}}'
  elseif kind == 'string' then
    local text = cases:good_text(field):match('^"(.*)"$')
    for _, choice in ipairs(field.choices or {}) do
      if choice ~= field.default then text = choice end
    end
    return ('%q'):format(text), text
  end
end

-- The expression of a job in which the object at the end of `way` is `inner`.
local function job_around(way, inner, name)
  local expression = inner
  for i = #way, 1, -1 do
    local object, field = way[i].object, way[i].field
    local kind = field[2]
    local is_list = kind == 'list' or field.is_text_map -- of pairs
    if is_list then
      expression = '{ ' .. expression .. ' }'
    elseif kind == 'map' then
      expression = '{ A = ' .. expression .. ' }'
    end
    if object.name ~= 'Job' then
      expression = cases:call(object, field[1], expression)
    else
      return ('JOB { %s = %s, name = "%s" }'):format(field[1], expression, name)
    end
  end
  return ('%s { name = "%s" }'):format(inner, name)
end

local function descend(job, way)
  for _, step in ipairs(way) do
    local wire = step.field.wire or step.field[1]
    if wire ~= '*' then job = job[wire] end
    local is_many = step.field[2] == 'list' or step.field[2] == 'map'
    if is_many and job then job = job[1] end
  end
  return job
end

-- What each job stands on: room for every policy, every port named.
local BASE = [[
local JOB = Job {
  cluster = "c", role = "r", environment = "test", instances = 30, production = true,
  task = SimpleTask("t", "{{thermos.ports[http]}} {{thermos.ports[health]}}"),
}
]]

-- A field that cannot be seen alone: it is another's, or needs what others are.
local SKIP = {
  Job = { name = true, cluster = true, tier = true, service = true },
  PortAlias = { port = true }, -- of dedicated jobs
  Update = { wait_for_batch_completion = true, sla_aware = true },
  Cron = { after = true },
}

local ways = ways_from 'Job'
local list = {}
for _, object in ipairs(model.objects) do
  local is_made = #model.makers[object.name] > 0
  for _, field in ipairs(ways[object.name] and is_made and model_of.split(object) or {}) do
    local expression, want = unlike_default(field)
    if expression and not (SKIP[object.name] or {})[field[1]] then
      list[#list + 1] = { object = object, field = field, want = want,
        expression = expression, way = ways[object.name] }
    end
  end
end

local function text_of(case, i)
  local name = 'j' .. i
  if case.object.name == 'Job' then
    return ('JOB { %s = %s, name = "%s" },'):format(case.field[1], case.expression, name)
  end
  return job_around(case.way, cases:call(case.object, case.field[1], case.expression), name) .. ','
end

-- The jobs of all cases, decoded, in their order.
local function make()
  local lines = { BASE .. 'return {' }
  for i, case in ipairs(list) do lines[#lines + 1] = text_of(case, i) end
  lines[#lines + 1] = '}'
  local output, status = evaluate.text(table.concat(lines, '\n'))
  assert(status == 0, output)
  local jobs = {}
  for _, job in ipairs(cjson.decode(output).job) do jobs[tonumber(job.name:sub(2))] = job end
  return jobs
end

it('fields arrive in the job as they were set', function()
  local jobs, wrong = make(), {}
  for i, case in ipairs(list) do
    local message = descend(jobs[i], case.way)
    local got = message and message[case.field.wire or case.field[1]]
    if got ~= case.want then
      wrong[#wrong + 1] = ('%s.%s: want %s, got %s'):format(case.object.name, case.field[1],
        case.want, got)
    end
  end
  assert.equal('', table.concat(wrong, '\n'))
  assert.is_true(#list > 80, #list)
end)

-- Values that the field must not have in JSON, and none at all.
local function spoilt(field)
  local out = {}
  local function add(value) out[#out + 1] = value end
  if field[2] == 'integer' or field[2] == 'mebibytes' then
    if field.min and field.min > 0 then add(field.min - 1) end
    if field.max and field.max < 1 << 31 then add(field.max + 1) end
  elseif field[2] == 'milli' then
    if field.max then add(math.floor(field.max * 1000) + 1) end
  elseif field[2] == 'string' then
    for _, bad in ipairs(schema_cases.bad_texts(field)) do add(bad) end
  elseif field[2] == 'template' then
    add '{{ mesos.instance }}'
    add '{{nothing.like.it}}'
  end
  if field.required then add(cjson.null) end
  return out
end

-- A job with one field set to what is wrong, as a line of JSON.
local function with_wrong(text, case, value)
  local job = cjson.decode(text)
  local message = descend(job, case.way)
  local wire = case.field.wire or case.field[1]
  message[wire] = value ~= cjson.null and value or nil
  return cjson.encode(job)
end

it('fields that break a rule are refused in JSON, too', function()
  local lines, said = {}, {}
  for i, job in ipairs(make()) do
    local case, text = list[i], cjson.encode(job)
    lines[#lines + 1], said[#said + 1] = text, { case = case, is_good = true }
    for _, value in ipairs(spoilt(case.field)) do
      lines[#lines + 1] = with_wrong(text, case, value)
      said[#said + 1] = { case = case, value = value }
    end
  end
  evaluate.with_files({ ['jobs.json'] = table.concat(lines, '\n') .. '\n' }, function(folder)
    local output, at, wrong = evaluate.file(folder .. '/jobs.json', '--json'), 0, {}
    for answer in output:gmatch('[^\n]+') do
      at = at + 1
      local one = said[at]
      if (answer == 'ok') ~= (one.is_good == true) then
        wrong[#wrong + 1] = ('%s.%s = %s: %s'):format(one.case.object.name, one.case.field[1],
          tostring(one.value), answer)
      end
    end
    assert.equal(#said, at, output:sub(-400))
    assert.equal('', table.concat(wrong, '\n'))
    assert.is_true(at > 250, at)
  end)
end)
