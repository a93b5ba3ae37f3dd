return {
  name = 'TcpCheck', message = 'TcpCheck',
  help = 'a health check that connects to a port of the instance',
  example = 'TcpCheck { port = "http" }',
  { 'port', 'string', rule = 'port', alone = true,
    help = 'a port\'s name; else health, the announced one, or the only one' },
}
