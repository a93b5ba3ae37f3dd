-- docs/status.md proves each promise by something that exists: programs, tests in them, specs,
-- targets, planted bugs, pages.
local run = require 'support.run'

local function exists(pattern)
  local pipe = assert(io.popen(('cd %s && ls -d %s 2>/dev/null'):format(run.quoted(run.root),
    pattern)))
  local first = pipe:read('l')
  pipe:close()
  return first ~= nil
end

local makefile = run.read(run.root .. '/Makefile')

local function all_of(pattern)
  local pipe = assert(io.popen(('cd %s && cat %s'):format(run.quoted(run.root), pattern)))
  local text = pipe:read('a')
  pipe:close()
  return text
end
local unit_tests = all_of 'tests/unit/test_*.c'

-- What a word of a proof must lead to; the first rule that knows the word decides.
local RULES = {
  { '^build/bin/(test_[%w_]+)$', function(name) return exists('tests/unit/' .. name .. '.c') end },
  { '^build/bin/bench%-([%w-]+)$', function(name)
    return exists('bench/bench_' .. name:gsub('%-', '_') .. '.c')
  end },
  { '^bench%-([%w-]+)$', function(name)
    return exists('bench/bench_' .. name:gsub('%-', '_') .. '.c')
  end },
  { '^build/bin/([%w-]+)$', function(name) return makefile:find(name .. '.main', 1, true) end },
  { '^(test_[%w_]+)$', function(name)
    return exists('tests/unit/' .. name .. '.c') or unit_tests:find('void ' .. name .. '(', 1, true)
  end },
  { '^(fuzz_[%w_]+)$', function(name) return exists('tests/fuzz/' .. name .. '.c') end },
  { '^(cases/[%w_]+%.lua)$', function(name) return exists('tests/lua/' .. name) end },
  { '^([%w_]+_spec)$', function(name) return exists('tests/*/' .. name .. '.lua') end },
  { '^([%w_]+_spec%.lua)$', function(name) return exists('tests/*/' .. name) end },
  { '^(tests/[%w_*/.-]+)$', exists },
  { '^(configs/[%w_*/.-]+)$', exists },
  { '^(docs/[%w_*/.-]+)$', exists },
  { '^(executor/[%w_*/.-]+)$', exists },
  { '^(aurora%-[%w-]+)$', function(name)
    return exists('tests/sim/mutants/' .. name .. '.mutant')
  end },
}

local function leads_somewhere(word)
  for _, rule in ipairs(RULES) do
    local name = word:match(rule[1])
    if name then return rule[2](name) end
  end
  return true -- an argument, or prose
end

-- `make TARGET [NAME=VALUE...]`
local function makes(command)
  local target = command:match '^make ([%l-]+)'
  if target and not makefile:find('\n' .. target .. ':', 1, true) then return false end
  for name in (command:match 'FUZZ="?([%w_ ]+)' or ''):gmatch '[%w_]+' do
    if not exists('tests/fuzz/fuzz_' .. name .. '.c') then return false end
  end
  return true
end

-- The second column of every row, with its line.
local function proofs()
  local list, number = {}, 0
  for line in io.lines(run.root .. '/docs/status.md') do
    number = number + 1
    local proof = line:match '^| .- | (.*) |$'
    if proof and proof ~= 'proof' and not proof:find '^%-+$' then
      list[#list + 1] = { text = proof, at = 'docs/status.md:' .. number .. ': ' }
    end
  end
  return list
end

describe('docs/status.md', function()
  it('has a proof, or the reason why there is none, for every promise', function()
    local list = proofs()
    assert.is_true(#list > 200)
    for _, proof in ipairs(list) do
      assert.is_true(#proof.text > 4, proof.at .. proof.text)
      if proof.text:find '^open' then
        assert.truthy(proof.text:find '^open[: ]+%S', proof.at .. 'open, and no reason')
      end
    end
  end)

  it('names commands that exist', function()
    for _, proof in ipairs(proofs()) do
      for code in proof.text:gmatch '`([^`]+)`' do
        assert.truthy(makes(code), proof.at .. code)
        for word in code:gmatch '[^%s=]+' do
          assert.truthy(leads_somewhere(word), proof.at .. word)
        end
      end
      for tests in proof.text:gmatch '%((test_[%w_, ]+)%)' do
        for word in tests:gmatch 'test_[%w_]+' do
          assert.truthy(leads_somewhere(word), proof.at .. word)
        end
      end
    end
  end)

  it('links to pages that exist', function()
    for _, proof in ipairs(proofs()) do
      for page in proof.text:gmatch '%]%(([^)#]+)[^)]*%)' do
        assert.truthy(page:find '^https?:' or exists('docs/' .. page), proof.at .. page)
      end
    end
  end)
end)

describe('the planted bugs', function()
  it('can all be planted', function()
    local result = run.run({ 'sh', '-c',
      'lua5.4 tests/sim/plant.lua --check . tests/sim/mutants/*.mutant' }, { cwd = run.root })
    assert.equal(0, result.status, result.err)
  end)
end)
