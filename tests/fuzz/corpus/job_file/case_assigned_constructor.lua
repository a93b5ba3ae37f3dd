local KB = 1000
task = 5
Task = 5 -- expect: 'Task' belongs to the language, choose another name
