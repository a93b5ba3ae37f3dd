return {
  name = 'BatchUpdateStrategy', message = 'UpdateConfig',
  help = 'a batch is done before the next begins',
  example = [[
BatchUpdateStrategy {
  batch_size = 3, autopause_after_batch = true,
}]],
  { 'batch_size', 'integer', default = 1, min = 1, max = 100000,
    help = 'instances that change at once' },
  { 'autopause_after_batch', 'boolean', default = false,
    help = 'pause after each batch until somebody resumes' },
  { 'kind', 'tag', wire = 'strategy', value = 2, help = 'BATCH' },
}
