--- Options of command lines from lists and tables: Options, java_options and
--- python_options of the language.

local M = {}

--- `true` is an option alone, `false` none at all.
local function render(long, name, value)
  local kind = type(value)
  if type(name) ~= 'string' or name == '' then
    error(('an option has a %s for a name: want a string'):format(type(name)), 0)
  end
  local option = (#name == 1 and '-' or long) .. name
  if value == nil or value == true or value == '' then return option end
  if value == false then return nil end
  if kind ~= 'string' and kind ~= 'number' then
    error(("option '%s' is a %s: want a string or a number"):format(name, kind), 0)
  end
  return option .. ' ' .. tostring(value)
end

local function render_all(long, ...)
  local out = {}
  for _, given in ipairs { ... } do
    if type(given) ~= 'table' then
      out[#out + 1] = render(long, given)
    else
      for key, value in pairs(given) do
        if math.type(key) == 'integer' then
          out[#out + 1] = render(long, value)
        else
          out[#out + 1] = render(long, key, value)
        end
      end
    end
  end
  return table.concat(out, ' ')
end

--- java_options("a", { verbose = 1 }) is "-a -verbose 1".
function M.java(...)
  return render_all('-', ...)
end

--- python_options("a", { verbose = 1 }) is "-a --verbose 1".
function M.python(...)
  return render_all('--', ...)
end

return M
