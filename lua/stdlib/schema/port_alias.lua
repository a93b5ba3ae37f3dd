-- The entries of Announcer.portmap.
return {
  name = 'PortAlias', message = 'PortAlias', key = 'name',
  help = 'another name of a port, or a port that is always the same',
  example = 'Announcer { portmap = { aurora = "http", admin = 8080 } }',
  { 'name', 'string', required = true, rule = 'port', max = 128,
    help = 'what it is called' },
  { 'target', 'string', rule = 'port', alone = true,
    help = 'the name of a port' },
  { 'port', 'integer', min = 1, max = 65535, alone = true,
    help = 'a number, which is not allocated' },
}
