return {
  name = 'Canary', message = 'Canary',
  help = 'a first batch of an update that is judged by itself',
  example = 'Canary { instances = 1, watch_secs = 10*mins }',
  { 'instances', 'integer', default = 1, min = 1, max = 100000,
    help = 'how many change first' },
  { 'watch_secs', 'integer', default = 300, min = 0, max = 604800,
    help = 'seconds they must stay RUNNING before the rest follows' },
  { 'max_failures', 'integer', default = 0, min = 0, max = 100000,
    help = 'of them, that may fail' },
}
