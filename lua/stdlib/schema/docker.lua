return {
  name = 'Docker', message = 'Docker',
  help = 'a container of the Docker daemon',
  example = [[
Docker {
  image = "nginx:1.27",
  parameters = { Parameter { name = "read-only", value = "true" } },
}]],
  { 'image', 'string', required = true, rule = 'word', max = 1024,
    help = 'as in docker run' },
  { 'parameters', 'list', of = 'Parameter', max = 256, plain = true,
    help = 'of docker run: Parameter { name = "volume", value = "/x:/y" }' },
}
