return {
  name = 'SecurityFile', file = 'security.lua',
  help = 'who may do what: the names that security.lua assigns',
  example = [[
roles = {
  web = { actions = { "job.*", "update.*", "asset.put" }, role = "www-data" },
}
users = {
  root = { certificate = "ops.example.org", roles = "web" },
}]],
  { 'users', 'map', of = 'SecurityUser', plain = true, required = true,
    rule = 'user', max = 10000, help = 'by name' },
  { 'roles', 'map', of = 'Permission', plain = true, lists = true,
    each_min = 0, each_max = 1000, rule = 'label', max = 1000,
    help = 'by name: what each allows' },
}
