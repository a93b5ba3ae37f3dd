-- Manual pages and --help say the same: every option and command stands in both.
local run = require 'support.run'

local function help(words)
  local result = run.run({ run.bin .. '/' .. words[1], table.unpack(words, 2) })
  assert.equal(0, result.status, table.concat(words, ' ') .. ': ' .. result.err)
  return result.out
end

local function page(program)
  return assert(run.read(run.root .. '/docs/man/' .. program .. '.1.scd'), program)
end

-- The long options of a text, as a set.
local function options(text)
  local set = {}
  for name in text:gmatch '%f[%w-]%-%-(%l[%w_-]*)' do set[name] = true end
  set.option, set['no-option'] = nil, nil -- any one
  return set
end

local function assert_within(some, all, what)
  local missing = {}
  for name in pairs(some) do
    if not all[name] then missing[#missing + 1] = name end
  end
  table.sort(missing)
  assert.same({}, missing, what)
end

-- What a page itself defines: paragraphs that begin with options.
local function defined(text)
  local lines = {}
  for line in text:gmatch '[^\n]+' do
    if line:find '^%*%-' then lines[#lines + 1] = line end
  end
  return options(table.concat(lines, '\n'))
end

-- "update resume" stands there, or "resume" in a heading of "update".
local function has_command(text, noun, verb)
  for line in text:gmatch '[^\n]+' do
    if line:find('^' .. noun .. '%f[^%w]') and
      (not verb or line:find('%f[%w-]' .. verb:gsub('%-', '%%-') .. '%f[^%w-]')) then
      return true
    end
    if line:find(verb and noun .. ' ' .. verb or ', ' .. noun .. ' ', 1, true) then return true end
  end
  return false
end

describe('the manual pages', function()
  for _, program in ipairs { 'perigee-master', 'perigee-agent', 'perigee-aurora',
    'perigee-fetch', 'perigee-post' } do
    it('have every option of ' .. program .. ', and no other', function()
      local shown, written = help { program, '--help' }, page(program)
      local all = options(shown)
      all.help, all.version = true, true
      assert_within(options(shown), options(written), 'not in its page')
      assert_within(defined(written), all, 'not in its --help')
    end)
  end

  it('have every verb of thermos, and its options', function()
    local shown, written = help { 'thermos', '--help' }, page 'thermos'
    for verb in shown:gmatch '\n  thermos (%l+)' do
      assert.truthy(written:find('%f[%l]' .. verb .. '%f[^%l]'), verb)
    end
    assert_within(options(shown), options(written), 'not in its page')
  end)

  it('have every command of clusterctl, and its options', function()
    local written, all = page 'clusterctl', {}
    local plain = written:gsub('[*_]', '')
    local count = 0
    for line in help { 'clusterctl', 'help' }:gmatch '\n  (%l[^\n]*)' do
      local words = {}
      for word in (line:match '^(.-)  ' or line):gmatch '%S+' do
        if not word:find '^%l[%l-]*$' or #words == 2 then break end
        words[#words + 1] = word
      end
      local shown = run.run { run.bin .. '/clusterctl', words[1], words[2] or '--help', '--help' }
      if shown.status == 0 then
        count = count + 1
        local name = table.concat(words, ' ')
        for option in pairs(options(shown.out)) do
          all['--' .. option .. ' of ' .. name] = option
        end
        assert.is_true(has_command(plain, words[1], words[2]), name)
      end
    end
    assert.is_true(count > 40)
    local there, missing = options(written), {}
    for what, option in pairs(all) do
      if not there[option] then missing[#missing + 1] = what end
    end
    table.sort(missing)
    assert.same({}, missing, 'not in its page')
  end)
end)
