-- The names of the language that make a value of the schema.
return {
  -- constructor = object it makes
  constructors = {
    { 'Process', 'Process' }, { 'Task', 'Task' }, { 'Job', 'Job' },
    { 'SequentialTask', 'Task', sequential = true },
    { 'Service', 'Job', service = true }, { 'Resources', 'Resources' },
    { 'Logger', 'Logger' }, { 'Rotate', 'Rotate' },
    { 'RotatePolicy', 'Rotate' }, { 'Constraint', 'Constraint' },
    { 'Fetch', 'Fetch' }, { 'Metadata', 'Metadata' },
    { 'Update', 'Update' }, { 'UpdateConfig', 'Update' },
    { 'QueueUpdateStrategy', 'QueueUpdateStrategy' },
    { 'BatchUpdateStrategy', 'BatchUpdateStrategy' },
    { 'VariableBatchUpdateStrategy', 'VariableBatchUpdateStrategy' },
    { 'Surge', 'Surge' }, { 'Canary', 'Canary' },
    { 'HealthCheck', 'HealthCheck' }, { 'HealthCheckConfig', 'HealthCheck' },
    { 'HealthCheckerConfig', 'HealthCheckerConfig' },
    { 'HttpCheck', 'HttpCheck' }, { 'HttpHealthChecker', 'HttpCheck' },
    { 'ShellCheck', 'ShellCheck' }, { 'ShellHealthChecker', 'ShellCheck' },
    { 'TcpCheck', 'TcpCheck' },
    { 'Lifecycle', 'Lifecycle' }, { 'LifecycleConfig', 'Lifecycle' },
    { 'HttpLifecycle', 'HttpLifecycle' },
    { 'HttpLifecycleConfig', 'HttpLifecycle' },
    { 'Announcer', 'Announcer' },
    { 'Container', 'Container' }, { 'Mesos', 'Mesos' }, { 'Docker', 'Docker' },
    { 'Parameter', 'Parameter' }, { 'Image', 'DockerImage' },
    { 'DockerImage', 'DockerImage' }, { 'AppcImage', 'AppcImage' },
    { 'Volume', 'Volume' },
    { 'Partition', 'Partition' }, { 'PartitionPolicy', 'Partition' },
    { 'Sla', 'Sla' }, { 'CountSlaPolicy', 'CountSlaPolicy' },
    { 'PercentageSlaPolicy', 'PercentageSlaPolicy' },
    { 'CoordinatorSlaPolicy', 'CoordinatorSlaPolicy' },
    { 'Cron', 'Cron' }, { 'Notify', 'Notify' },
    { 'ExecutorConfig', 'ExecutorConfig' },
    { 'Group', 'Group' }, { 'Quota', 'Quota' },
    { 'QuotaAmounts', 'QuotaAmounts' }, { 'Role', 'Role' },
    { 'User', 'User' },
  },
  refused = {},
  -- name = { module of the stdlib, function there }
  library = {
    { 'combine_tasks', 'tasks', 'combine' },
    { 'concat_tasks', 'tasks', 'concat' },
    { 'java_options', 'options', 'java' },
    { 'python_options', 'options', 'python' },
  },
  -- The same, reached as a field: Tasks.combine
  tables = {
    Options = { { 'java', 'options', 'java' }, { 'python', 'options', 'python' } },
    Processes = {
      { 'combine', 'tasks', 'combine_processes' },
      { 'concat', 'tasks', 'concat_processes' }, { 'order', 'tasks', 'order' },
    },
    Tasks = {
      { 'combine', 'tasks', 'combine' }, { 'concat', 'tasks', 'concat' },
      { 'sequential', 'tasks', 'sequential' }, { 'simple', 'tasks', 'simple' },
    },
  },
}
