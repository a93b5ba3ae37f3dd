-- Made by limit(n), one_of(...), like(...) and the like, or Aurora's "a,b", "!a",
-- and "limit:2"; the key in Job.constraints is the attribute. `kind` is that of
-- the message.
return {
  name = 'HostConstraint', message = 'HostConstraint', key = 'attribute',
  help = 'where an instance may run: one_of("a", "b"), none_of("c"), limit(2)',
  { 'attribute', 'string', rule = 'attribute', max = 256,
    help = 'of the host; "host" is its name' },
  { 'kind', 'integer', required = true, min = 1, max = 9,
    help = 'which of the operators' },
  { 'values', 'list', of = 'string', rule = 'attribute', max = 256,
    help = 'of one_of, none_of, like, unlike, cluster_on' },
  { 'limit', 'integer', min = 1, max = 1000000,
    help = 'of limit and max_per: most instances of the job on hosts with '
      .. 'one value; of group_by: least number of values' },
}
