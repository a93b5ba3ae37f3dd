local good = { unique(), group_by(), group_by(3), cluster_on(), cluster_on("a"),
  like("r[0-9]+"), unlike("x|y"), max_per(2), limit(1), one_of("a"), dedicated("r/x") }
local job = Job { cluster = "c", role = "r", environment = "test", task = SimpleTask("t", "true"),
  constraints = {
    a = like("r[0-9"), -- expect: 'r[0-9' is no expression: at 6
    b = like(), -- expect: no values: want one expression
    c = unique(1), -- expect: unique of 1 values: want unique()
    d = max_per("2"), -- expect: 'limit' is the string '2': want an integer from 1
    e = max_per(0), -- expect: 'limit' is 0: want an integer from 1
    f = group_by(1, 2), -- expect: group_by of 2 values: want one number, or nothing
    g = cluster_on(5), -- expect: 'values[1]' is 5: want a string
    h = unlike({}), -- expect: 'values[1]' is a table: want a string
    i = limit(1.5), -- expect: 'limit' is 1.5: want an integer
    j = "limit:x", -- expect: 'constraints.j' is 'limit:x': want limit:N
    k = "a,,b", -- expect: 'constraints.k' is 'a,,b': want 'a,b', '!a,b' or 'limit:N'
    l = dedicated(), -- expect: no values: want one string
    m = secret("x"), -- expect: 'constraints.m' is a secret: want a HostConstraint
  } }
return { job }
