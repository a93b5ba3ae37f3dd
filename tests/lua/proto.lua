--- The messages of a .proto file: enough of its grammar for ours.
local M = {}

--- @return table message name -> field name -> { type =, repeated = }
--- @return table the names of its enumerations
function M.parse(path)
  local file = assert(io.open(path))
  local text = file:read('a'):gsub('//[^\n]*', '')
  file:close()
  local messages, enums, stack = {}, {}, {}
  local scan = text:gsub('"[^"]*"', '')
  for statement, stop in scan:gmatch('([^{};]*)([{};])') do
    local kind, name = statement:match('(%a+)%s+([%w_]+)%s*$')
    if stop == '{' then
      stack[#stack + 1] = { kind = kind, name = name }
      if kind == 'message' then messages[name] = {} end
      if kind == 'enum' then enums[name] = true end
    elseif stop == '}' then
      stack[#stack] = nil
    else
      local label, type, field = statement:match(
        '(%a+)%s+([%w_.]+)%s+([%w_]+)%s*=%s*%d+%s*$')
      local within = stack[#stack]
      if field and within and within.kind == 'message' then
        messages[within.name][field] = { type = type, repeated = label == 'repeated' }
      end
    end
  end
  return messages, enums
end

return M
