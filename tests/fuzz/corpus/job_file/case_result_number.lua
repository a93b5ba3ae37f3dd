return 5 -- expect file: the file gives a number: want its list of jobs
