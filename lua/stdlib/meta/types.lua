---@meta _
-- Written by lua/generate.lua from lua/stdlib/schema. For editors only:
-- docs/job-language.md says how an editor finds it.

--- What param() is told of a parameter.
---@class ParamOptions
---@field type? "string"|"integer"|"number"|"boolean" # of its value; "string" unless given
---@field default? any # without one it must be given
---@field choices? any[] # the values it may have
---@field min? number # of a number
---@field max? number # of a number
---@field help? string # one line for clusterctl params

--- A machine, as place and rank see it; read-only.
---@class Host
---@field hostname string # its name
---@field id string # its agent's id
---@field attributes table<string, string|string[]> # a list where the agent gave several values
---@field resources HostResources # all it has, used or not
---@field region string # of its fault domain, or ""
---@field zone string # of its fault domain, or ""
---@field role string # that its resources are kept for, or "*"

--- Totals of a machine.
---@class HostResources
---@field cpu number # cores
---@field ram integer # bytes
---@field disk integer # bytes
---@field gpu integer # whole GPUs
---@field ports integer # how many

--- What a health function is given.
---@class HealthContext
---@field ports table<string, integer> # of this instance, by name
---@field instance integer # its number
---@field hostname string # the machine's name
---@field sandbox string # path of the sandbox
---@field attempt integer # how often it was asked before

--- What http.get answers.
---@class HttpAnswer
---@field status integer # as in 200
---@field body string # at most 1*MB

--- Text made by raw().
---@class Raw

--- A value made by secret().
---@class Secret
