return {
  name = 'Parameter', message = 'EnvVar',
  help = 'an option of docker run',
  example = 'Parameter { name = "volume", value = "/srv/data:/data:ro" }',
  { 'name', 'string', required = true, rule = 'word', max = 256,
    help = 'without the dashes' },
  { 'value', 'string', required = true, max = 4096, help = 'any text' },
}
