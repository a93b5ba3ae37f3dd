return {
  name = 'CountSlaPolicy', message = 'SlaPolicy',
  help = 'maintenance leaves a number of instances running',
  example = 'CountSlaPolicy { count = 18, duration_secs = 10*mins }',
  { 'count', 'integer', required = true, min = 1, max = 100000,
    help = 'instances that keep running; fewer than there are' },
  { 'duration_secs', 'integer', required = true, min = 0, max = 604800,
    help = 'seconds an instance runs until it counts' },
}
