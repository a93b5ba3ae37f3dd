---@meta _
-- Written by lua/generate.lua from lua/stdlib/schema. For editors only:
-- docs/job-language.md says how an editor finds it.

--- Who may do what: the names that security.lua assigns.
---@class SecurityFile
---@field users table<string, SecurityUser> # by name (table of names and SecurityUser; at most 10000 of them; required)
---@field roles? table<string, Permission|(Permission)[]> # by name: what each allows (table of names and Permission, or lists of it; at most 1000 of them)

--- Somebody who signs in, and what they may do.
---@class SecurityUser
---@field password? string|string[] # the hash that clusterctl user hash prints (list of text; each at most 255; at most 16 of them; or one alone)
---@field token? string|string[] # the hash that clusterctl user token prints (list of text; each at most 255; at most 16 of them; or one alone)
---@field certificate? string|string[] # common name of a certificate that the listener verified (list of text; each at most 255; at most 16 of them; or one alone)
---@field roles? string|string[] # names in `roles` (list of text; text of 1 to 63 bytes without control characters; at most 1000 of them; or one alone)
---@field permissions? Permission|Permission[] # besides those of the roles (list of Permission; at most 1000 of them; or one alone)
---@field limits? UserLimits # what is not named has no limit (UserLimits)

--- Actions that are allowed, and on which jobs.
---@class Permission
---@field actions string|string[] # as in "job.kill", "job.*", "*" (list of text; actions: "job.kill", "job.*", "*.read" or "*"; at most 1000 of them; required; or one alone)
---@field cluster? string # of the jobs that they are allowed on (text; letters, digits, '_', '.', '-', '*' and '?', at most 63; default "*")
---@field role? string # of those jobs (text; letters, digits, '_', '.', '-', '*' and '?', at most 63; default "*")
---@field environment? string # of those jobs (text; letters, digits, '_', '.', '-', '*' and '?', at most 63; default "*")
---@field job? string # their name (text; letters, digits, '_', '.', '-', '*' and '?', at most 63; default "*")

--- How much a user may ask for.
---@class UserLimits
---@field requests_per_second? integer # beyond that: 429 (integer; 1 to 1000000000000)
---@field jobs? integer # that it created (integer; 1 to 1000000000000)
---@field tasks? integer # of those jobs (integer; 1 to 1000000000000)
---@field bundle_bytes? integer|string # of one job file with all it needs (integer; 1 to 1*TB; or a text like "4MB")

--- Whom tasks run as: the names that roles.lua assigns.
---@class RolesFile
---@field roles table<string, RoleUser> # by name; the others run as the user of their own name (table of names and RoleUser; at most 10000 of them; required)

--- Whom the tasks of a role run as.
---@class RoleUser
---@field user string # of the operating system (text; the name of a user of the operating system; required)

---@type table<string, Permission|(Permission)[]>|table<string, RoleUser>
roles = nil

---@type table<string, SecurityUser>
users = nil

--- A variable of the environment, or nil.
---@param name string
---@return string?
function env(name) end

--- The machine that the file is read on.
---@type { hostname: string, cpus: integer, mem_mb: integer }
host = nil
