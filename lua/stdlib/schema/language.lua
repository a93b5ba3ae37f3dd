-- The names of the language besides its units: what makes a value, and what is
-- understood but not offered here.
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
  },
  refused = {
    'Group', 'Quota', 'Role', 'User', 'cluster_on', 'dedicated', 'group_by',
    'like', 'max_per', 'secret', 'unique', 'unlike',
  },
  -- refused, and reached as a field: Tasks.combine
  refused_in = {
    Tasks = { 'combine', 'concat' },
    Processes = { 'combine', 'concat' },
  },
}
