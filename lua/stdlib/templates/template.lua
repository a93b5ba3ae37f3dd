-- What the templates are made with: template { name =, help =, example =,
-- make =, { option, type =, default =, help = }, ... } returns a function of one
-- table; types and `makes` are for editors.
-- make(options, job) gets what is declared, defaults filled in, and the rest:
-- fields of the job, which its constructor checks as it always does.
return function(declared)
  local function template(given)
    if type(given) ~= "table" then
      error(("%s takes one table, got %s"):format(declared.name, type(given)), 0)
    end
    local options, job, is_option = {}, {}, {}
    for _, option in ipairs(declared) do
      options[option[1]] = option.default
      is_option[option[1]] = true
    end
    for name, value in pairs(given) do
      if is_option[name] then options[name] = value else job[name] = value end
    end
    return declared.make(options, job)
  end
  return template
end
