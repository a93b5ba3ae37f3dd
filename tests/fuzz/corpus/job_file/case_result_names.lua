-- expect file: the file gives a table of names
return { web = SimpleTask("a", "b") }
