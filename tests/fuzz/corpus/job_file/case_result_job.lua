-- expect file: the file gives a Job: want its list of jobs: return { job, ... }
return Job { cluster = "c", role = "r", environment = "test", task = SimpleTask("a", "b") }
