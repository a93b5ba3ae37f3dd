return {
  name = 'Group', message = 'Group',
  help = 'jobs and groups that start in order and end in reverse',
  example = [[
Group {
  name = "shop",
  jobs = {
    Group { name = "storage", jobs = {} },
    Group { name = "front", jobs = {}, depends_on = { "storage" } },
  },
}]],
  { 'name', 'string', required = true, rule = 'identifier',
    help = 'unlike those of the jobs and groups beside it' },
  { 'jobs', 'list', of = { 'Job', 'Group' }, max = 10000, wire = '-',
    help = 'jobs and groups' },
  { 'depends_on', 'list', of = 'string', rule = 'identifier', max = 256,
    one = true,
    help = 'jobs and groups beside it, or their names: all must be healthy '
      .. 'before it starts' },
}
