return {
  name = 'Quota', message = 'Quota',
  help = 'what the jobs of a role, and of the roles below it, may use in all',
  example = [[
Quota {
  role = "www-data",
  production = QuotaAmounts { cpu = 100, ram = 200*GB, disk = 1*TB },
  all = QuotaAmounts { tasks = 2000 },
}]],
  { 'role', 'string', required = true, rule = 'identifier', help = 'whose' },
  { 'parent', 'string', rule = 'identifier',
    help = 'a role whose quota holds the use of this one, too' },
  { 'production', 'object', of = 'QuotaAmounts',
    help = 'of jobs of production; unset: what the parent has, or nothing' },
  { 'all', 'object', of = 'QuotaAmounts',
    help = 'of jobs of every tier; unset: no bound' },
}
