return {
  name = 'Announcer', message = 'Announcer',
  help = 'how the instances are found in service discovery',
  example = [[
Announcer {
  primary_port = "http", portmap = { health = "http" },
}]],
  { 'primary_port', 'string', default = 'http', rule = 'port',
    help = 'the port that others connect to' },
  { 'portmap', 'map', of = 'PortAlias', rule = 'port', max = 256,
    help = 'further names = a port\'s name, or a number (dedicated hosts '
      .. 'only); aurora is the primary port, unless given' },
  { 'zk_path', 'string', rule = 'absolute', max = 1024,
    help = 'where in ZooKeeper; the cluster\'s own place, unless given' },
}
