return {
  name = 'QuotaAmounts', message = 'QuotaAmounts',
  help = 'bounds of a quota; what is unset has none, but of production cpu, ram, disk and '
    .. 'gpus are 0 then',
  example = 'QuotaAmounts { cpu = 20, ram = 40*GB, disk = 200*GB, tasks = 100 }',
  { 'cpu', 'milli', wire = 'cpu_milli', min = 0, max = 1000000000,
    help = 'cores' },
  { 'ram', 'mebibytes', wire = 'ram_bytes', min = 0, max = 1 << 60,
    help = 'bytes, as in 40*GB; whole MiB' },
  { 'disk', 'mebibytes', wire = 'disk_bytes', min = 0, max = 1 << 60,
    help = 'bytes, as in 1*TB; whole MiB' },
  { 'gpus', 'integer', min = 0, max = 1000000000, help = 'whole GPUs' },
  { 'ports', 'integer', min = 0, max = 1000000000, help = 'ports on hosts' },
  { 'tasks', 'integer', min = 0, max = 1000000000, help = 'instances' },
}
