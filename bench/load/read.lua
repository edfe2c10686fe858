-- Asks for the addresses in the file that is the first argument, in turn.
function init(arguments)
  paths = {}
  for line in io.lines(arguments[1]) do paths[#paths + 1] = line end
  math.randomseed(tonumber(tostring(paths):match("0x(%x+)"), 16) % 2147483647)
  at = math.random(#paths)
end

function request()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end
