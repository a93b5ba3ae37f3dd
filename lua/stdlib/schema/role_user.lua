return {
  name = 'RoleUser', file = 'roles.lua',
  help = 'whom the tasks of a role run as',
  example = [[
roles = { reports = { user = "nobody" } }]],
  { 'user', 'string', required = true, rule = 'os_user',
    help = 'of the operating system' },
}
