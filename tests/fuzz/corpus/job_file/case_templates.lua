local function command(cmdline)
  return Process { name = "p", cmdline = cmdline } -- expect: spaces in '{{ mesos.instance }}': want '{{mesos.instance}}' -- expect: nested '{{thermos.ports[{{mesos.name}}': want no {{...}} inside {{...}} -- expect: nothing binds '{{mesos.instnace}}': want '{{mesos.instance}}' -- expect: nothing binds '{{profile.x}}': want mesos.*, thermos.* -- expect: '{{' without '}}' -- expect: nothing binds '{{}}'
end
command "echo {{ mesos.instance }}"
command "echo {{thermos.ports[{{mesos.name}}]}}"
command "echo {{mesos.instnace}}"
command "echo {{profile.x}}"
command "echo {{mesos.instance"
command "echo {{}}"
command "echo {{mesos.instance}} {{mesos.hostname}} {{mesos.role}} {{mesos.cluster}}"
command "echo {{mesos.environment}} {{mesos.name}} {{thermos.task_id}} {{thermos.user}}"
command "echo {{thermos.ports[http-1.a_b]}} {{env[HOME]}}"
command(raw [[docker inspect --format '{{.Id}}']])
local env = Process { name = "e", cmdline = "true",
  env = { PORT = "{{thermos.ports[http]}}" }, -- expect: 'env.PORT' is '{{thermos.ports[http]}}': want text without '{{'
}
return {}
