local function job(name)
  return Job { cluster = "c", role = "r", environment = "test", name = name, task = SimpleTask("t", "true") }
end
local a, b = job "a", job "b"
local x = Group {
  name = "x", jobs = { a },
  depends_on = { "y" }, -- expect: 'x' waits for itself: x -> y -> x: want an order without a cycle
}
local y = Group { name = "y", jobs = { b }, depends_on = x }
return {
  a, b,
  Group { name = "z", jobs = { x, y },
    depends_on = {
      "bb", -- expect: nothing beside it is named 'bb': want a job or group of the same list
      a,
    },
  },
  Group { name = "w", jobs = { a },
    depends_on = "zz", -- expect: nothing beside it is named 'zz': want a job or group of the same list
  },
  Group { jobs = { a }, name = "w" }, -- expect: 'w' stands beside another of that name: want names that differ
  Group { name = "b" }, -- expect: 'b' stands beside another of that name
  Group { name = "v", jobs = {
    5, -- expect: 'jobs[1]' is 5: want a Job or Group
    SimpleTask("t", "true"), -- expect: 'jobs[2]' is a Task: want a Job or Group
  } },
}
