return {
  name = 'Constraint', message = 'OrderChain',
  help = 'the order of some processes of a task: order("a", "b")',
  { 'order', 'list', of = 'string', required = true, rule = 'file_name',
    max = 1024, help = 'names or processes; each ends before the next starts' },
}
