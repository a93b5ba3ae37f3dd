local containers = {
  Container { docker = { image = "a" }, image = DockerImage { name = "a", tag = "b" } }, -- expect: 'docker' and 'image' cannot be given both
  Container { image = DockerImage { name = "a", tag = "b" },
    mesos = Mesos { image = AppcImage { name = "a", image_id = "b" } } }, -- expect: 'image' and 'mesos.image' cannot be given both
  Container { docker = Docker { image = "a" },
    mesos = Mesos { image = DockerImage { name = "a", tag = "b" } } }, -- expect: 'docker' and 'mesos.image' cannot be given both
  Docker { image = "a b" }, -- expect: 'image' is 'a b': want text without spaces
  Docker { image = "a", parameters = { { name = "x" } } }, -- expect: missing field 'value': want a string
  Volume { container_path = "/a" }, -- expect: a Volume without what it is about: want one of host_path, name
  Volume { container_path = "/a", name = "a" }, -- expect: missing field 'size': want bytes
  Volume { container_path = "/a", host_path = "/b", size = 1*GB }, -- expect: a folder of the machine has no size
  Volume { container_path = "a", host_path = "/b", mode = Mode("RX") }, -- expect: 'container_path' is 'a': want a path that begins with '/' -- expect: 'mode' is 'RX': want 'RO' or 'RW'
}
local policies = {
  Sla {}, -- expect: a Sla without what it is about: want one of count, percentage, coordinator_url
  Sla { count = 1 }, -- expect: missing field 'duration_secs': want an integer
  Sla { count = 1, percentage = 5, duration_secs = 5 }, -- expect: 'count' and 'percentage' cannot be given both
  Sla { coordinator_url = "http://x/", duration_secs = 5 }, -- expect: a coordinator decides by itself how long
  Sla { count = 1, duration_secs = 5, status_key = "x" }, -- expect: no coordinator is asked
  CountSlaPolicy { count = 1 }, -- expect: missing field 'duration_secs'
  CountSlaPolicy { count = 1, duration_secs = 5, percentage = 5 }, -- expect: unknown field 'percentage'
  CoordinatorSlaPolicy { coordinator_url = "ftp://x/" }, -- expect: 'coordinator_url' is 'ftp://x/': want an address that begins with http://
  Partition { delay_secs = -1 }, -- expect: 'delay_secs' is -1: want an integer from 0
}
local notes = {
  Notify { on = "failed" }, -- expect: a Notify without what it is about: want one of url, email, script
  Notify { on = "fialed", url = "http://x/" }, -- expect: 'on[1]' is 'fialed': want 'started', 'finished', 'failed', 'lost', 'killed', 'updated' or 'sla', did you mean 'failed'?
  Notify { on = {}, url = "http://x/" }, -- expect: 'on' has 0 elements: want at least one
  Notify { on = "sla", email = "nobody" }, -- expect: 'email' is 'nobody': want an address: name@host
  Notify { on = "sla", email = "a@b", url = "http://x/" }, -- expect: 'url' and 'email' cannot be given both
}
local secrets = {
  secret("a b"), -- expect: the secret 'a b': want letters
  Process { name = "p", cmdline = secret("x") }, -- expect: 'cmdline' is a secret: want a string
}
local operators = {
  Quota { role = "r", parent = "a b" }, -- expect: 'parent' is 'a b': want letters
  Role { name = "r", weight = 0 }, -- expect: 'weight' is 0: want a number from 0.001 to 1000000
  User { name = "a b" }, -- expect: 'name' is 'a b': want letters
}
return {}
