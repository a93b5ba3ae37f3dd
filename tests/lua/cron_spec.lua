-- Cron's times: a seeded share of `make cron-oracle`, and `clusterctl cron next`.
local cjson = require 'cjson'
local run = require 'support.run'

local CTL = run.bin .. '/clusterctl'

local function next_runs(...)
  local result = run.run({ CTL, 'cron', 'next', ... })
  return result.status, result.out, result.err
end

local function times(...)
  local status, out, err = next_runs('--json', ...)
  assert.equal(0, status, err)
  return cjson.decode(out).next
end

describe('cron', function()
  it('agrees with its oracle on a seeded share of windows', function()
    local result = run.run({ 'lua5.4', run.root .. '/tests/lua/cron_oracle.lua',
      run.bin .. '/cron-fires', '5000' }, { timeout = 60 })
    assert.equal(0, result.status, result.out .. result.err)
    assert.matches('200 schedules, %d+ comparisons, %d+ runs, 0 mismatches', result.out)
  end)
end)

describe('clusterctl cron next', function()
  it('prints runs after a time, in the zone asked for', function()
    local status, out = next_runs('30 2 * * *', '--zone', 'Europe/Paris',
      '--from', '2026-03-28T00:00:00', '--count', '3')
    assert.equal(0, status)
    assert.equal('2026-03-28 02:30:00 +01:00\n'
      .. '2026-03-29 03:00:00 +02:00  instead of 2026-03-29 02:30:00, which the clocks skip\n'
      .. '2026-03-30 02:30:00 +02:00\n', out)
  end)

  it('prints epoch seconds for programs', function()
    assert.same({ 1774656000, 1774742400 }, times('@daily', '--from', '1774600000', '--count', '2'))
    assert.same({ 60, 120 }, times('* * * * *', '--from', '0', '--count', '2'))
    assert.equal(5, #times('@hourly'))
  end)

  it('runs twice what follows elapsed time, once what follows the wall', function()
    local autumn = { '--zone', 'Europe/Paris', '--from', '2026-10-24T23:59:59Z', '--count', '3' }
    assert.same({ 1792886400, 1792890000, 1792893600 }, times('@hourly', table.unpack(autumn)))
    assert.same({ 1792888200, 1792978200, 1793064600 }, times('30 2 * * *', table.unpack(autumn)))
  end)

  it('counts the runs of intervals, from their start or from now', function()
    assert.same({ 0, 60, 120 }, times('R3//PT1M', '--from', '0'))
    assert.same({ 1772236800 },
      times('R2/2026-01-31T00:00:00Z/P1M', '--from', '2026-02-01T00:00:00Z'))
    assert.same({}, times('R2/2026-01-31T00:00:00Z/P1M', '--from', '2026-03-01T00:00:00Z'))
  end)

  it('says what is wrong, and that there is no such day', function()
    local function refused(text, ...)
      local status, _, err = next_runs(...)
      assert.equal(6, status)
      assert.matches(text, err, 1, true)
    end
    refused('4 fields: want five', '* * * *')
    refused('@reboot', '@reboot')
    refused("did you mean 'Europe/Paris'?", '* * * * *', '--zone', 'Europe/Pariss')
    refused("--from: time 'yesterday'", '* * * * *', '--from', 'yesterday')
    refused('--count', '* * * * *', '--count', '0')
    local status, out, err = next_runs('0 0 31 2 *')
    assert.equal(0, status)
    assert.equal('', out)
    assert.matches('never runs', err)
  end)
end)
