return {
  name = 'Partition', message = 'PartitionPolicy',
  help = 'what becomes of an instance whose agent is out of reach',
  example = 'Partition { reschedule = true, delay_secs = 5*mins }',
  { 'reschedule', 'boolean', default = true,
    help = 'false: wait for its agent for ever' },
  { 'delay_secs', 'integer', default = 0, min = 0, max = 31536000,
    help = 'seconds to wait before it counts as lost' },
}
