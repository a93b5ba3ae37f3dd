-- expect file: element 1 of the list of jobs is a Task -- expect file: element 2 of the list of jobs is a number
return { SimpleTask("a", "b"), 3 }
