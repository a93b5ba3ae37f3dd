return {
  name = 'Rotate', message = 'Logger',
  help = 'when a log is put aside, and how many are kept',
  { 'log_size', 'integer', default = 100 << 20, min = 1 << 10, max = 1 << 40,
    help = 'bytes; a file that reached it is put aside' },
  { 'backups', 'integer', default = 5, min = 0, max = 1000,
    help = 'files kept besides the one being written' },
}
