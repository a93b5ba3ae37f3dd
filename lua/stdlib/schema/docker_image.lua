return {
  name = 'DockerImage', message = 'Image',
  help = 'a file system from a Docker registry',
  example = 'DockerImage { name = "library/nginx", tag = "1.27" }',
  { 'name', 'string', required = true, rule = 'word', max = 1024,
    help = 'registry and repository' },
  { 'tag', 'string', required = true, rule = 'word', max = 256,
    help = 'tag, or digest' },
  { 'kind', 'tag', wire = 'kind', value = 1, help = 'DOCKER' },
}
