local text = "docker inspect " .. raw "{{.Id}}" -- expect: a raw text cannot be joined to text: want one raw [[...]]
return {}
