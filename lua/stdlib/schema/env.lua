-- The entries of Env { NAME = "value" }.
return {
  name = 'EnvVar', message = 'EnvVar', key = 'name', value = 'value',
  help = 'an environment variable',
  { 'name', 'string', required = true, rule = 'variable', max = 256,
    help = 'letters, digits and _' },
  { 'value', 'string', rule = 'literal', max = 1 << 17,
    help = 'any text; {{...}} is not substituted here' },
  { 'secret', 'string', rule = 'identifier',
    help = 'of secret(): the name of what only the agent knows' },
}
