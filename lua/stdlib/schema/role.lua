return {
  name = 'Role', message = 'Role',
  help = 'who may act for a role, and its share of the cluster',
  example = 'Role { name = "www-data", weight = 2, users = { "ada" } }',
  { 'name', 'string', required = true, rule = 'identifier', help = 'its name' },
  { 'weight', 'milli', wire = 'weight_milli', default = 1, min = 0.001,
    max = 1000000, help = 'a role of weight 2 gets twice as much' },
  { 'users', 'list', of = 'string', rule = 'identifier', max = 10000,
    help = 'who may act for it' },
}
