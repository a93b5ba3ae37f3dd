local job = Job {
  cluster = "c", role = "r", environment = "test", name = "j",
  task = SimpleTask("t", "true"),
}
local pairs_of = job { metadata = { { key = "a", value = "1" }, { key = "a", value = "1" } } }
local number = job { metadata = { 5 } } -- expect: 'metadata[1]' is 5: want a Metadata
local other = job { metadata = { job.task } } -- expect: 'metadata[1]' is a Task: want a Metadata
local half = job { metadata = { { key = "a" } } } -- expect: missing field 'value': want a string
local more = job { metadata = { { key = "a", value = "b", more = 1 } } } -- expect: unknown field 'more'
local key = job { metadata = { { key = 5, value = "b" } } } -- expect: 'key' is 5: want a string
local two = job { metadata = { { key = "a", value = "b" }, { key = "a", value = "c" } } }
return {}
