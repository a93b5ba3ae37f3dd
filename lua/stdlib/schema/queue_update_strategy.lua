return {
  name = 'QueueUpdateStrategy', message = 'UpdateConfig',
  help = 'the next instance changes as soon as one is done',
  example = 'QueueUpdateStrategy { batch_size = 3 }',
  { 'batch_size', 'integer', default = 1, min = 1, max = 100000,
    help = 'instances that change at once' },
  { 'kind', 'tag', wire = 'strategy', value = 1, help = 'QUEUE' },
}
