return {
  name = 'Lifecycle', message = 'Lifecycle',
  help = 'how an instance is asked to end; without http it gets signals only',
  example = [[
Lifecycle {
  http = { port = "admin", graceful_shutdown_wait_secs = 20 },
}]],
  { 'http', 'object', of = 'HttpLifecycle', wire = '*', plain = true,
    help = 'asked over HTTP first, when the task names the port' },
}
