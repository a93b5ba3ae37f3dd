return {
  name = 'Metadata', message = 'Metadata', key = 'key', value = 'value',
  help = 'a label of a job, for people and programs',
  { 'key', 'string', required = true, min = 1, max = 256, help = 'its name' },
  { 'value', 'string', required = true, max = 4096, help = 'any text' },
}
