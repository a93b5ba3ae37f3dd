return {
  name = 'Permission', file = 'security.lua',
  help = 'actions that are allowed, and on which jobs',
  example = [[
roles = {
  web = {
    { actions = { "job.*", "update.*" }, role = "www-data" },
    { actions = "*.read" },
  },
}
users = {}]],
  { 'actions', 'list', of = 'string', required = true, one = true, min = 1,
    max = 1000, rule = 'action', help = 'as in "job.kill", "job.*", "*"' },
  { 'cluster', 'string', rule = 'pattern', min = 1, default = '*',
    help = 'of the jobs that they are allowed on' },
  { 'role', 'string', rule = 'pattern', min = 1, default = '*',
    help = 'of those jobs' },
  { 'environment', 'string', rule = 'pattern', min = 1, default = '*',
    help = 'of those jobs' },
  { 'job', 'string', rule = 'pattern', min = 1, default = '*',
    help = 'their name' },
}
