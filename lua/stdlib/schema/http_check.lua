return {
  name = 'HttpCheck', message = 'HttpCheck',
  help = 'a health check that asks the instance over HTTP, on localhost',
  example = [[
HttpCheck {
  port = "http", endpoint = "/health", expected_response = "",
}]],
  { 'port', 'string', rule = 'port',
    help = 'a port\'s name; else health, the announced one, or the only one' },
  { 'endpoint', 'string', default = '/health', rule = 'endpoint', max = 1024,
    help = 'the path to ask for' },
  { 'expected_response', 'string', default = 'ok', max = 4096,
    help = 'the body, whatever its case and the space around it; "": any' },
  { 'expected_response_code', 'integer', default = 0, min = 0, max = 599,
    help = 'the status code; 0: any' },
}
