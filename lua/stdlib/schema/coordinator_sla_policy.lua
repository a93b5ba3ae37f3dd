return {
  name = 'CoordinatorSlaPolicy', message = 'SlaPolicy',
  help = 'maintenance asks a service before it takes an instance',
  example = [[
CoordinatorSlaPolicy {
  coordinator_url = "http://coordinator.example.org/drain",
}]],
  { 'coordinator_url', 'string', required = true, rule = 'url', max = 4096,
    help = 'what is asked' },
  { 'status_key', 'string', default = 'drain', min = 1, max = 256,
    help = 'of its answer: true lets the instance go' },
}
