return {
  name = 'Resources', message = 'ResourceAmounts',
  help = 'what one instance of a task may use',
  { 'cpu', 'milli', wire = 'cpu_milli', required = true, min = 0.001,
    max = 1000000, help = 'cores; fractions down to 0.001' },
  { 'ram', 'mebibytes', wire = 'ram_bytes', required = true, min = 1 << 20,
    max = 1 << 50, help = 'bytes, as in 256*MB; whole MiB' },
  { 'disk', 'mebibytes', wire = 'disk_bytes', required = true, min = 1 << 20,
    max = 1 << 50, help = 'bytes, as in 1*GB; whole MiB' },
  { 'gpu', 'integer', default = 0, min = 0, max = 1024, help = 'whole GPUs' },
}
