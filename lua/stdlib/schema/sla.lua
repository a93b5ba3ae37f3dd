return {
  name = 'Sla', message = 'SlaPolicy', check = 'sla',
  help = 'what maintenance leaves running; one of count, percentage, '
    .. 'coordinator_url',
  example = 'Sla { percentage = 90, duration_secs = 10*mins }',
  { 'count', 'integer', min = 1, max = 100000,
    help = 'instances that keep running' },
  { 'percentage', 'milli', wire = 'percentage_milli', min = 0.001, max = 100,
    help = 'of the instances, that keep running' },
  { 'duration_secs', 'integer', min = 0, max = 604800,
    help = 'seconds an instance runs until it counts' },
  { 'coordinator_url', 'string', rule = 'url', max = 4096,
    help = 'a service that is asked each time' },
  { 'status_key', 'string', min = 1, max = 256,
    help = 'of its answer; drain, unless given' },
}
