return {
  name = 'SimpleTask', message = 'TaskConfig',
  help = 'a task of one process: SimpleTask { name = ..., cmdline = ... }',
  { 'name', 'string', required = true, rule = 'file_name', max = 128,
    help = 'of the task and of its process' },
  { 'cmdline', 'template', required = true, min = 1, max = 1 << 20,
    help = 'run as bash -c CMDLINE' },
  { 'resources', 'object', of = 'Resources',
    help = '1 cpu, 1 GB of ram and of disk, unless given' },
  { 'fetch', 'list', of = 'Fetch', max = 256,
    help = 'what is in the sandbox before it starts' },
}
