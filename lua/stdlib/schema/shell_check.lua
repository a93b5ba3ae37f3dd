return {
  name = 'ShellCheck', message = 'ShellCheck',
  help = 'a health check that runs a command as the role, in the sandbox',
  example = [[
ShellCheck {
  shell_command = "./check.sh {{thermos.ports[http]}}",
}]],
  { 'shell_command', 'template', required = true, min = 1, max = 1 << 20,
    alone = true,
    help = 'run as bash -c COMMAND; {{...}} is filled in on the machine' },
}
