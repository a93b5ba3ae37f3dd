local a = Process {
  name = "a"
  cmdline = "true" -- expect: '}' expected (to close '{' at line 1) near 'cmdline'
}
