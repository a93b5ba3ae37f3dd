return {
  name = 'SecurityUser', file = 'security.lua',
  help = 'somebody who signs in, and what they may do',
  example = [[
users = {
  ada = { certificate = "ada.example.org",
          permissions = { actions = "job.read" },
          limits = { requests_per_second = 50, bundle_bytes = "4MB" } },
}]],
  { 'password', 'list', of = 'string', one = true, secret = true, max = 16,
    each_max = 255, help = 'the hash that clusterctl user hash prints' },
  { 'token', 'list', of = 'string', one = true, secret = true, max = 16,
    each_max = 255, help = 'the hash that clusterctl user token prints' },
  { 'certificate', 'list', of = 'string', one = true, max = 16, each_max = 255,
    help = 'common name of a certificate that the listener verified' },
  { 'roles', 'list', of = 'string', one = true, max = 1000, rule = 'label',
    help = 'names in `roles`' },
  { 'permissions', 'list', of = 'Permission', plain = true, one = true,
    max = 1000, help = 'besides those of the roles' },
  { 'limits', 'object', of = 'UserLimits', plain = true,
    help = 'what is not named has no limit' },
}
