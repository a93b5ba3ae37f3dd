local n = param("n", { type = "integer", default = 3, choices = { 1, 3 } })
return { Job { cluster = "c", role = "r", environment = "test", instances = n,
  place = function(host) return host.attributes.rack == "r" .. n end,
  rank = function(host) return #host.hostname end, constraints = { rack = like("r[0-9]+") },
  task = SimpleTask("t", "echo {{mesos.instance}} {{thermos.ports[http]}} {{env[A]}}") } }
