local x = 1 -- expect file: the file gives no jobs
