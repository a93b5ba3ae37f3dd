return {
  name = 'VariableBatchUpdateStrategy', message = 'UpdateConfig',
  help = 'batches of different sizes; each is done before the next begins',
  example = 'VariableBatchUpdateStrategy { batch_sizes = { 1, 5, 20 } }',
  { 'batch_sizes', 'list', of = 'integer', required = true, min = 1, max = 1000,
    each_min = 1, each_max = 100000,
    help = 'in turn; the last one again until all are done' },
  { 'autopause_after_batch', 'boolean', default = false,
    help = 'pause after each batch until somebody resumes' },
  { 'kind', 'tag', wire = 'strategy', value = 3, help = 'VARIABLE_BATCH' },
}
