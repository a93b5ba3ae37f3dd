return {
  name = 'RolesFile', file = 'roles.lua',
  help = 'whom tasks run as: the names that roles.lua assigns',
  example = [[
roles = { ["www-data"] = { user = "web" }, reports = { user = "nobody" } }]],
  { 'roles', 'map', of = 'RoleUser', plain = true, required = true,
    rule = 'identifier', max = 10000,
    help = 'by name; the others run as the user of their own name' },
}
