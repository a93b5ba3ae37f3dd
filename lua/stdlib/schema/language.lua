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
  },
  refused = {
    'Announcer', 'AppcImage', 'Container', 'CoordinatorSlaPolicy',
    'CountSlaPolicy', 'Cron', 'DisableLifecycle', 'Docker', 'DockerImage',
    'Group', 'HealthCheck', 'HealthCheckConfig', 'HealthCheckerConfig',
    'HttpHealthChecker', 'HttpLifecycleConfig', 'Image', 'Lifecycle',
    'LifecycleConfig', 'Mesos', 'Mode', 'Notify', 'Partition',
    'PartitionPolicy', 'PercentageSlaPolicy', 'Quota', 'Role',
    'ShellHealthChecker', 'Sla', 'Update', 'UpdateConfig', 'User', 'Volume',
    'cluster_on', 'dedicated', 'group_by', 'like', 'max_per', 'secret',
    'unique', 'unlike',
  },
  -- refused, and reached as a field: Tasks.combine
  refused_in = {
    Tasks = { 'combine', 'concat' },
    Processes = { 'combine', 'concat' },
  },
}
