-- The story of issue 7 as one test: tests/e2e/two_users.lua.
assert(loadfile('tests/e2e/two_users.lua', 't', _ENV))()
