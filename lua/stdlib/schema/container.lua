return {
  name = 'Container', message = 'Container', check = 'container',
  help = 'what the processes run in; their machine itself, unless given',
  example = [[
Container {
  image = DockerImage { name = "library/nginx", tag = "1.27" },
  volumes = { { container_path = "/data", name = "data", size = 10*GB } },
}]],
  { 'docker', 'object', of = 'Docker', alone = true, plain = true,
    help = 'a container of the Docker daemon' },
  { 'mesos', 'object', of = 'Mesos', wire = '*', alone = true, plain = true,
    help = 'Aurora\'s place of image and volumes' },
  { 'image', 'object', of = { 'DockerImage', 'AppcImage' },
    help = 'the file system, without a Docker daemon' },
  { 'volumes', 'list', of = 'Volume', max = 256, plain = true,
    help = 'folders that are seen inside' },
}
