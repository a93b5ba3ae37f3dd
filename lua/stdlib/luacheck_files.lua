-- Written by lua/generate.lua from lua/stdlib/schema: the standard of operators'
-- files, security.lua and roles.lua, for luacheck. In a .luacheckrc:
--   stds.perigee_files = dofile "/usr/local/share/perigee/lua/luacheck_files.lua"
--   files["security.lua"].std = "perigee_files"
return {
  globals = { "roles", "users",
  },
  read_globals = { "assert", "env", "error", "host", "ipairs", "math", "next",
    "pairs", "pcall", "select", "string", "table", "tonumber", "tostring",
    "type", "utf8", "xpcall",
  },
}
