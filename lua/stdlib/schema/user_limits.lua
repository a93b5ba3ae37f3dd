return {
  name = 'UserLimits', file = 'security.lua',
  help = 'how much a user may ask for',
  example = [[
users = {
  ci = { certificate = "ci.example.org", limits = { jobs = 20 } },
}]],
  { 'requests_per_second', 'integer', min = 1, max = 1000000000000,
    help = 'beyond that: 429' },
  { 'jobs', 'integer', min = 1, max = 1000000000000, help = 'that it created' },
  { 'tasks', 'integer', min = 1, max = 1000000000000, help = 'of those jobs' },
  { 'bundle_bytes', 'integer', rule = 'size', min = 1, max = 1 << 40,
    help = 'of one job file with all it needs' },
}
