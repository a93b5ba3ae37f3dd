return {
  name = 'Cron', message = 'Cron', check = 'cron',
  help = 'when a job runs; schedule or after',
  example = [[
Cron {
  schedule = "15 3 * * *", timezone = "Europe/Paris",
  collision_policy = "CANCEL_NEW", epsilon = 1*hours,
}]],
  { 'schedule', 'string', rule = 'cron', max = 256,
    help = 'minute hour day month weekday, or R/2026-11-20T22:00:00Z/PT10M' },
  { 'timezone', 'string', rule = 'timezone',
    help = 'as in Europe/Paris; the cluster\'s, unless given' },
  { 'collision_policy', 'string', default = 'KILL_EXISTING',
    choices = { 'KILL_EXISTING', 'CANCEL_NEW', 'RUN_OVERLAP' },
    help = 'when the last run is still there' },
  { 'epsilon', 'integer', wire = 'epsilon_secs', min = 0, max = 31536000,
    help = 'seconds a missed run may still start late' },
  { 'retries', 'integer', default = 0, min = 0, max = 1000,
    help = 'further tries of a run that failed' },
  { 'after', 'list', of = 'string', rule = 'job_key', max = 64, one = true,
    help = 'keys of jobs: runs when each had a success since' },
  { 'catch_up', 'string', default = 'NONE', choices = { 'NONE', 'LAST', 'ALL' },
    help = 'which missed runs start when the scheduler was down' },
}
