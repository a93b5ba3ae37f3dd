return {
  name = 'Fetch', message = 'Fetch', check = 'fetch',
  help = 'what is in the sandbox before the first process starts',
  { 'uri', 'string', required = true, rule = 'uri', min = 1, max = 4096,
    alone = true,
    help = 'a file beside the job file, or http://, https://, file://' },
  { 'sha256', 'string', rule = 'sha256', help = 'what it must hash to' },
  { 'extract', 'boolean', default = false, help = 'unpack the archive' },
  { 'executable', 'boolean', default = false, help = 'may be run' },
  { 'cache', 'boolean', default = false, help = 'the machine may keep it' },
  { 'output', 'string', rule = 'file_name', max = 255,
    help = 'its name in the sandbox; otherwise the last part of uri' },
}
