return {
  name = 'PercentageSlaPolicy', message = 'SlaPolicy',
  help = 'maintenance leaves a share of the instances running',
  example = 'PercentageSlaPolicy { percentage = 90, duration_secs = 10*mins }',
  { 'percentage', 'milli', wire = 'percentage_milli', required = true,
    min = 0.001, max = 100,
    help = 'of the instances, that keep running; at least one may go' },
  { 'duration_secs', 'integer', required = true, min = 0, max = 604800,
    help = 'seconds an instance runs until it counts' },
}
