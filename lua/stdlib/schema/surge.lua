-- Marathon's upgrade strategy.
return {
  name = 'Surge', message = 'UpdateConfig',
  help = 'new instances come before old ones go',
  example = [[
Surge {
  minimum_health_capacity = 0.5, maximum_over_capacity = 0.2,
}]],
  { 'minimum_health_capacity', 'milli', default = 1, min = 0, max = 1,
    wire = 'minimum_health_capacity_milli',
    help = 'share of the instances that stays healthy all the time' },
  { 'maximum_over_capacity', 'milli', default = 1, min = 0, max = 1,
    wire = 'maximum_over_capacity_milli',
    help = 'share of the instances that may run in addition' },
  { 'kind', 'tag', wire = 'strategy', value = 4, help = 'SURGE' },
}
