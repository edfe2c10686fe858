-- Creates, reads, updates and deletes Observations; each answer says what to ask next about its record.
-- Arguments: a file with the Observation before and after its id.
local TYPE = { ["Content-Type"] = "application/fhir+json" }
local PATH = "/fhir/Observation"

function init(arguments)
  local file = io.open(arguments[1])
  rest = file:read("*l")
  file:close()
  for name, value in pairs(wrk.headers) do TYPE[name] = value end  -- those that every request has
  to_read, to_update, to_delete = {}, {}, {}
end

local function body(id)
  local named = id and ('"id":"' .. id .. '",') or ""
  return '{"resourceType":"Observation",' .. named .. rest
end

function request()
  local id = table.remove(to_delete)
  if id then return wrk.format("DELETE", PATH .. "/" .. id) end
  id = table.remove(to_update)
  if id then return wrk.format("PUT", PATH .. "/" .. id, TYPE, body(id)) end
  id = table.remove(to_read)
  if id then return wrk.format("GET", PATH .. "/" .. id) end
  return wrk.format("POST", PATH, TYPE, body())
end

function response(status, headers, text)
  if status ~= 200 and status ~= 201 then return end
  local id = text:match('"id":"([^"]+)"')
  if not id then return end
  if status == 201 then to_read[#to_read + 1] = id
  elseif text:match('"versionId":"1"') then to_update[#to_update + 1] = id
  else to_delete[#to_delete + 1] = id end
end
