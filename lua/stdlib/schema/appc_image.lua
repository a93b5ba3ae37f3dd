return {
  name = 'AppcImage', message = 'Image',
  help = 'a file system by the App Container specification',
  example = [[
AppcImage {
  name = "example.org/web", image_id = "sha512-0123456789abcdef",
}]],
  { 'name', 'string', required = true, rule = 'word', max = 1024,
    help = 'of the image' },
  { 'image_id', 'string', required = true, rule = 'word', max = 256,
    help = 'its hash, as in sha512-...' },
  { 'kind', 'tag', wire = 'kind', value = 2, help = 'APPC' },
}
