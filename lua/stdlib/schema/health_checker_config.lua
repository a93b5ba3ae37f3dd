return {
  name = 'HealthCheckerConfig', message = 'HealthCheck',
  help = 'Aurora\'s way to say which health check it is',
  example = [[
HealthCheckerConfig {
  shell = ShellHealthChecker { shell_command = "./check.sh" },
}]],
  { 'http', 'object', of = 'HttpCheck', plain = true, help = 'asks over HTTP' },
  { 'shell', 'object', of = 'ShellCheck', plain = true,
    help = 'runs a command' },
}
