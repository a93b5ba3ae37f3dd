return {
  name = 'HttpLifecycle', message = 'Lifecycle',
  help = 'the addresses that end an instance; then come SIGTERM and SIGKILL',
  example = [[
HttpLifecycle {
  port = "admin", graceful_shutdown_endpoint = "/quit",
}]],
  { 'port', 'string', default = 'health', rule = 'port',
    help = 'a port\'s name' },
  { 'graceful_shutdown_endpoint', 'string', default = '/quitquitquit',
    rule = 'endpoint', max = 1024, help = 'the path asked first' },
  { 'graceful_shutdown_wait_secs', 'integer', default = 5, min = 0, max = 3600,
    help = 'seconds to wait afterwards' },
  { 'shutdown_endpoint', 'string', default = '/abortabortabort',
    rule = 'endpoint', max = 1024, help = 'the path asked then' },
  { 'shutdown_wait_secs', 'integer', default = 5, min = 0, max = 3600,
    help = 'seconds to wait afterwards' },
}
