local function task(fetch)
  return SimpleTask { name = "a", cmdline = "b", fetch = fetch } -- expect: 'fetch[1]' is '../up': want a path below -- expect: 'fetch[1]' is '/etc/passwd': want a path below -- expect: 'fetch[1]' is 'ftp://x/y': want a path below -- expect: cannot fetch: 'missing': No such file or directory
end
task { "../up" }
task { "/etc/passwd" }
task { "ftp://x/y" }
task { "missing" }
local hashed = Fetch {
  uri = "fetch.lua",
  sha256 = "00", -- expect: 'sha256' is '00': want 64 lower-case hexadecimal digits
}
local other = Fetch {
  uri = "syntax.lua",
  sha256 = ("0"):rep(64), -- expect: 'syntax.lua' has another sha256: 
}
local clash = Task { processes = { Process { name = "a", cmdline = "b" } },
  resources = Resources { cpu = 1, ram = 1*MB, disk = 1*MB },
  fetch = { "syntax.lua", "http://example.org/syntax.lua" }, -- expect: two fetches put 'syntax.lua' into the sandbox
}
return {}
