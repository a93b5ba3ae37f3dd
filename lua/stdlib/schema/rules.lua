-- What a text must look like under each rule, in words: "want " stands before
-- them in messages. How it is checked: src/script/schema_check.c.
return {
  absolute = "a path that begins with '/'",
  action = 'actions: "job.kill", "job.*", "*.read" or "*"',
  attribute = 'text without control characters',
  cron = 'five fields: minute hour day month weekday, or a repeating interval: '
    .. 'R/2026-11-20T22:00:00Z/PT10M',
  email = 'an address: name@host',
  endpoint = "a path that begins with '/', without spaces",
  environment = 'prod, devel, test, or staging and digits',
  file_name = "a name without '/' that does not begin with '.'",
  identifier = "letters, digits, '_', '.' or '-', at most 63",
  job_key = "a job's key: cluster/role/environment/name",
  label = 'text of 1 to 63 bytes without control characters',
  literal = "text without '{{': only cmdline is substituted",
  none = 'a string',
  os_user = 'the name of a user of the operating system',
  pattern = "letters, digits, '_', '.', '-', '*' and '?', at most 63",
  port = "the name of a port: letters, digits, '_', '.' or '-'",
  sha256 = '64 lower-case hexadecimal digits',
  size = 'bytes, or a text like "4MB"',
  timezone = "a time zone's name, as in Europe/Paris",
  uri = 'a path below the folder, http://, https:// or file:///',
  url = 'an address that begins with http:// or https://',
  user = '1 to 63 printable characters without space, \':\', \',\', \'/\', \'"\' '
    .. "and '\\'",
  variable = "letters, digits and '_', no digit first",
  word = 'text without spaces',
}
