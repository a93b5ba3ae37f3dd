-- What the roles of a shop may use in all. Several roles change together, or
-- none does.
--
--   clusterctl plan quotas.lua
--   clusterctl apply quotas.lua

-- The shop as a whole: 64 cores for production, 2000 tasks of any kind.
local shop = Quota {
  role = "shop",
  production = QuotaAmounts { cpu = 64, ram = 256*GB, disk = 2*TB },
  all = QuotaAmounts { tasks = 2000 },
}

-- Its teams share that; none may take more than half of the cores.
local team = Quota { role = "team", parent = "shop",
  production = QuotaAmounts { cpu = 32, ram = 256*GB, disk = 2*TB } }

return {
  shop,
  team { role = "shop-web" },
  team { role = "shop-data" },
  -- Experiments have no production of their own, and few tasks.
  Quota { role = "shop-lab", parent = "shop",
    production = QuotaAmounts {}, all = QuotaAmounts { cpu = 8, tasks = 50 } },
}
