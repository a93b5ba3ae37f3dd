-- What operators write: who may act for which role, and how much its jobs may
-- use in all.
--
--   clusterctl check operators.lua
--   clusterctl apply operators.lua

local small = QuotaAmounts { cpu = 20, ram = 40*GB, disk = 200*GB }

local function team(role, weight, quota, users)
  return Role { name = role, weight = weight, users = users }, Quota { role = role, production = quota }
end

local web, web_quota = team("www-data", 2, small { cpu = 100, ram = 200*GB, disk = 1*TB }, { "ada", "grace" })
local data, data_quota = team("db", 1, small, { "grace" })

return {
  web, web_quota, data, data_quota,
  User { name = "ada", roles = { "www-data" } },
  User { name = "grace", roles = { "www-data", "db" } },
}
