-- perigee-fetch: what lands in a sandbox, and what must not.
local run = require 'support.run'

describe('perigee-fetch', function()
  local dir, box

  before_each(function()
    dir = run.temp()
    box = dir .. '/box'
    os.execute('mkdir ' .. box)
  end)
  after_each(function() run.remove(dir) end)

  local function fetch(...)
    return run.run { run.bin .. '/perigee-fetch', '--directory', box, ... }
  end

  -- A shell script in dir.
  local function sh(text)
    assert(os.execute('cd ' .. dir .. ' && ' .. text))
  end

  local function listing()
    local pipe = assert(io.popen('cd ' .. box .. ' && find . ! -name . | sort'))
    local text = pipe:read('a')
    pipe:close()
    return text
  end

  it('copies a file under its name or another', function()
    run.write(dir .. '/a.txt', 'one\n')
    assert.equal(0, fetch('file://' .. dir .. '/a.txt').status)
    assert.equal(0, fetch('--output', 'b.sh', '--executable', dir .. '/a.txt').status)
    assert.equal('one\n', run.read(box .. '/a.txt'))
    sh 'test -x box/b.sh && test ! -x box/a.txt'
    assert.equal('./a.txt\n./b.sh\n', listing())
  end)

  it('checks the hash before the name appears', function()
    run.write(dir .. '/a', 'hi\n')
    local right = '98ea6e4f216f2fb4b69fff9b3a44842c38686ca685f3f55dc48c5d3fb1107be4'
    local wrong = fetch('--sha256', ('0'):rep(64), dir .. '/a')
    assert.equal(1, wrong.status)
    assert.matches('its SHA%-256 is ' .. right .. ', want 000', wrong.err)
    assert.equal('', listing())
    assert.equal(0, fetch('--sha256', right, dir .. '/a').status)
  end)

  it('unpacks archives by their names', function()
    sh 'mkdir -p s/sub && echo 1 >s/a && echo 2 >s/sub/b && chmod 755 s/a'
    local kinds = { 'tar', 'tar.gz', 'tgz' }
    if os.execute('command -v bzip2 >/dev/null') then kinds[#kinds + 1] = 'tar.bz2' end
    if os.execute('command -v xz >/dev/null') then kinds[#kinds + 1] = 'tar.xz' end
    for _, kind in ipairs(kinds) do
      sh('tar -C s -caf x.' .. kind .. ' a sub && rm -rf box/*')
      assert.equal(0, fetch('--extract', dir .. '/x.' .. kind).status, kind)
      assert.equal('1\n', run.read(box .. '/a'))
      assert.equal('2\n', run.read(box .. '/sub/b'))
      sh 'test -x box/a'
    end
    sh 'rm -rf box/* && cp x.tar plain.bin'
    assert.equal(0, fetch('--extract', dir .. '/plain.bin').status)
    assert.equal('./plain.bin\n', listing())
  end)

  it('unpacks one compressed file', function()
    sh 'echo text >one && gzip -k one && gzip -l one.gz >/dev/null'
    assert.equal(0, fetch('--extract', dir .. '/one.gz').status)
    assert.equal('text\n', run.read(box .. '/one'))
  end)

  it('writes nothing outside the directory', function()
    sh 'echo x >evil && mkdir deep && cp evil deep'
    sh 'tar -P -C deep -cf up.tar ../evil'
    sh 'tar -P -cf absolute.tar "$PWD/evil"'
    sh 'ln -s .. l && tar -cf link.tar l && rm l'
    sh 'mkdir l && echo y >l/evil2 && tar -rf link.tar l/evil2'
    for name, words in pairs { up = 'leaves the directory', absolute = 'leaves the directory',
      link = 'symlink' } do
      local result = fetch('--extract', dir .. '/' .. name .. '.tar')
      assert.equal(1, result.status, name)
      assert.matches(words, result.err)
    end
    assert.is_nil(run.read(dir .. '/evil2'))
    assert.equal('x\n', run.read(dir .. '/evil'))
  end)

  it('drops set-user-id bits', function()
    sh 'echo x >tool && chmod 4755 tool && tar -cf t.tar tool'
    assert.equal(0, fetch('--extract', dir .. '/t.tar').status)
    sh 'test -x box/tool && test ! -u box/tool'
  end)

  it('says what it cannot fetch, and leaves nothing', function()
    run.write(dir .. '/broken.tar.gz', 'this is no archive')
    local rows = {
      { { '/no/such/file' }, "cannot fetch '/no/such/file': No such file" },
      { { 'ftp://x/y' }, 'want http://, https://, file:/// or an absolute path' },
      { { 'http://127.0.0.1:1/x' }, 'connect' },
      { { '--output', '../x', dir .. '/broken.tar.gz' }, "'../x': want a file name" },
      { { '--extract', dir .. '/broken.tar.gz' }, 'archive: ' },
      { {}, 'usage' },
    }
    for _, row in ipairs(rows) do
      local result = fetch(table.unpack(row[1]))
      assert.equal(1, result.status)
      assert.matches(row[2], result.err)
    end
    assert.equal('./broken.tar.gz\n', listing())
  end)
end)
