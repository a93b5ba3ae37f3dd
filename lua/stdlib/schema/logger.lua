return {
  name = 'Logger', message = 'Logger',
  help = 'where the output of a process goes',
  { 'destination', 'string', default = 'file',
    choices = { 'file', 'console', 'both', 'none' },
    help = 'console: the output of the executor' },
  { 'mode', 'string', default = 'rotate', choices = { 'standard', 'rotate' },
    help = 'standard: one file that grows' },
  { 'rotate', 'object', of = 'Rotate', always = true, wire = '*',
    plain = true,
    help = 'when mode is rotate' },
}
