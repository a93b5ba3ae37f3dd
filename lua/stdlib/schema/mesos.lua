return {
  name = 'Mesos', message = 'Container',
  help = 'a container of the agent itself',
  example = [[
Mesos {
  image = DockerImage { name = "library/nginx", tag = "1.27" },
}]],
  { 'image', 'object', of = { 'DockerImage', 'AppcImage' },
    help = 'the file system; the machine\'s own, unless given' },
  { 'volumes', 'list', of = 'Volume', max = 256, plain = true,
    help = 'folders that are seen inside' },
}
