return {
  name = 'User', message = 'User',
  help = 'somebody who signs in',
  example = 'User { name = "ada", roles = { "www-data" } }',
  { 'name', 'string', required = true, rule = 'identifier', help = 'their name' },
  { 'roles', 'list', of = 'string', rule = 'identifier', max = 10000,
    help = 'that they may act for' },
  { 'password_hash', 'string', min = 1, max = 1024,
    help = 'as clusterctl prints it' },
  { 'permissions', 'list', of = 'string', rule = 'word', max = 1000,
    help = 'beyond those of their roles' },
}
