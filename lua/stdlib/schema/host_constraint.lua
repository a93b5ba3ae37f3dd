-- Made by one_of(...), none_of(...) and limit(n), or Aurora's "a,b", "!a", and
-- "limit:2"; the key in Job.constraints is the attribute.
return {
  name = 'HostConstraint', message = 'HostConstraint', key = 'attribute',
  help = 'where an instance may run: one_of("a", "b"), none_of("c"), limit(2)',
  { 'attribute', 'string', rule = 'attribute', max = 256,
    help = 'of the host; "host" is its name' },
  { 'kind', 'integer', required = true, min = 1, max = 3,
    help = 'one_of, none_of or limit' },
  { 'values', 'list', of = 'string', rule = 'attribute', max = 256,
    help = 'of one_of and none_of' },
  { 'limit', 'integer', min = 1, max = 1000000,
    help = 'most instances of the job on hosts with one value' },
}
