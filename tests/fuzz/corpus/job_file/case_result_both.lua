jobs = {} -- expect file: the file both returns a value and assigns 'jobs'
return {}
