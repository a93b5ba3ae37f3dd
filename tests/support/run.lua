--- Running commands and asking servers, for end-to-end tests. Nothing here
--- waits a fixed time: commands have deadlines, and `eventually` looks again
--- until a deadline passes.

local cjson = require 'cjson'
local http = require 'socket.http'
local ltn12 = require 'ltn12'
local socket = require 'socket'

local M = {}

M.bin = os.getenv('PERIGEE_BIN') or (os.getenv('PWD') .. '/build/bin')
M.root = M.bin:match('^(.*)/build') or os.getenv('PWD')

local function quoted(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end
M.quoted = quoted

function M.read(path)
  local file = io.open(path, 'rb')
  if not file then return nil end
  local text = file:read('a')
  file:close()
  return text
end

function M.write(path, text)
  local file = assert(io.open(path, 'wb'))
  file:write(text)
  file:close()
  return path
end

--- A fresh directory; `M.remove` ends it.
function M.temp()
  local pipe = assert(io.popen('mktemp -d'))
  local path = pipe:read('l')
  pipe:close()
  return path
end

function M.remove(path)
  assert(#path > 5 and path:sub(1, 5) == '/tmp/', path)
  os.execute('rm -rf ' .. quoted(path))
end

--- Run words with a deadline: { status =, out =, err = }. `options`: timeout
--- (seconds, 30), env (map), cwd, stdin (text).
function M.run(words, options)
  options = options or {}
  local dir = M.temp()
  local parts = {}
  if options.cwd then parts[#parts + 1] = 'cd ' .. quoted(options.cwd) .. ' &&' end
  for name, value in pairs(options.env or {}) do
    parts[#parts + 1] = name .. '=' .. quoted(value)
  end
  parts[#parts + 1] = 'timeout -k 2 ' .. (options.timeout or 30)
  for _, word in ipairs(words) do parts[#parts + 1] = quoted(word) end
  parts[#parts + 1] = '>' .. dir .. '/out 2>' .. dir .. '/err'
  if options.stdin then
    parts[#parts + 1] = '<' .. M.write(dir .. '/in', options.stdin)
  else
    parts[#parts + 1] = '</dev/null'
  end
  local _, _, status = os.execute(table.concat(parts, ' '))
  local result = { status = status, out = M.read(dir .. '/out'), err = M.read(dir .. '/err') }
  M.remove(dir)
  return result
end

--- Look until `look` returns something true; that, or an error after `seconds`.
function M.eventually(seconds, what, look)
  local deadline = socket.gettime() + seconds
  local pause = 0.002
  while true do
    local value = look()
    if value then return value end
    if socket.gettime() > deadline then
      error('not within ' .. seconds .. ' s: ' .. what, 2)
    end
    socket.sleep(pause)
    pause = math.min(pause * 1.5, 0.1)
  end
end

--- One HTTP exchange: { status =, body =, headers =, json = }.
function M.http(method, url, body, headers)
  local answer = {}
  local sent = { ['content-length'] = body and tostring(#body) or nil }
  for name, value in pairs(headers or {}) do sent[name] = value end
  local _, status, got = http.request {
    method = method,
    url = url,
    headers = sent,
    source = body and ltn12.source.string(body) or nil,
    sink = ltn12.sink.table(answer),
  }
  local text = table.concat(answer)
  local fine, value = pcall(cjson.decode, text)
  return { status = status, body = text, headers = got or {}, json = fine and value or nil }
end

function M.get(url)
  return M.http('GET', url)
end

--- POST a table as JSON.
function M.post(url, value, headers)
  local all = { ['content-type'] = 'application/json' }
  for name, text in pairs(headers or {}) do all[name] = text end
  return M.http('POST', url, type(value) == 'string' and value or cjson.encode(value), all)
end

--- Is nobody listening there?
function M.port_is_free(port)
  local server = socket.bind('127.0.0.1', port)
  if server then server:close() end
  return server ~= nil
end

--- A base with `count` free ports behind it.
function M.free_base(count)
  for _ = 1, 200 do
    local base = math.random(20000, 30000 - count)
    local free = true
    for port = base, base + count - 1 do free = free and M.port_is_free(port) end
    if free then return base end
  end
  error('no free ports')
end

return M
