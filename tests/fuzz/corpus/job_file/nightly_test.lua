-- What nightly.lua has to say, whoever edits it.
--
--   clusterctl test nightly.lua

expect(web.task.processes[1].cmdline):matches("^exec "):contains("thermos.ports[http]")
expect(web.constraints.zone):equals(one_of("a", "b"))
expect(web.production):is_true()

test("the web avoids small machines", function()
  expect(web.place { attributes = { cpu_class = "atom" } }):is_false()
  expect(web.place { attributes = {} }):is_true()
end)

test("replicas are a parameter", function()
  expect(web.instances):equals(3)
  expect(evaluate { replicas = 12 }.web.instances):equals(12)
  expect(evaluate { replicas = 0 }):is_error("want at least 1")
end)

test("the report waits for the night", function()
  expect(jobs["nightly-report"].cron.schedule):equals("15 3 * * *")
end)
