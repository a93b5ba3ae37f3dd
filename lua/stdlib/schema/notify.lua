return {
  name = 'Notify', message = 'Notify', check = 'notify',
  help = 'who hears of the job; one of url, email, script',
  example = 'Notify { on = { "failed", "lost" }, email = "web@example.org" }',
  { 'on', 'list', of = 'string', required = true, min = 1, max = 16,
    one = true,
    choices = { 'started', 'finished', 'failed', 'lost', 'killed', 'updated',
      'sla' },
    help = 'of what: failed, sla, ...' },
  { 'url', 'string', rule = 'url', max = 4096, help = 'gets a POST' },
  { 'email', 'string', rule = 'email', max = 256, help = 'gets a mail' },
  { 'script', 'function',
    help = 'function(event) that returns a list of requests and mails' },
}
