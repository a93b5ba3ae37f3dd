return {
  name = 'ExecutorConfig', message = 'ExecutorConfig',
  help = 'the executor of the job, which is thermos unless given',
  example = 'ExecutorConfig { name = "custom", data = "{}" }',
  { 'name', 'string', default = 'AuroraExecutor', rule = 'word', max = 256,
    help = 'as in the scheduler\'s file of executors' },
  { 'data', 'string', default = '', max = 1 << 20,
    help = 'handed to it as it is' },
}
