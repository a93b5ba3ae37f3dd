return {
  name = 'Quota', message = 'Quota',
  help = 'what the production jobs of a role may use in all',
  example = [[
Quota {
  role = "www-data",
  resources = Resources { cpu = 100, ram = 200*GB, disk = 1*TB },
}]],
  { 'role', 'string', required = true, rule = 'identifier', help = 'whose' },
  { 'resources', 'object', of = 'Resources', required = true,
    help = 'in all' },
}
