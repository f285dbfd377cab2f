-- What an operator would write without Switchyard: a hash ring in a Lua filter that names the endpoint for
-- override_host. FNV-1a in 32 bits, since Lua numbers are doubles. HOSTS is put in front by the benchmark.

local POINTS_PER_HOST = 256

local function fnv1a(text)
  local hash = 2166136261
  for position = 1, #text do
    hash = bit.bxor(hash, text:byte(position))
    -- hash * 16777619 modulo 2^32, in steps that a double holds exactly.
    hash = (bit.lshift(hash, 24) + hash * 403) % 4294967296
    hash = bit.tobit(hash)
  end
  return hash % 4294967296
end

local ring = {}
for _, host in ipairs(HOSTS) do
  for point = 1, POINTS_PER_HOST do
    ring[#ring + 1] = {hash = fnv1a(host .. "_" .. point), host = host}
  end
end
table.sort(ring, function(a, b) return a.hash < b.hash end)

local function choose(key)
  local hash = fnv1a(key)
  local low, high = 1, #ring + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if ring[middle].hash < hash then low = middle + 1 else high = middle end
  end
  if low > #ring then low = 1 end
  return low
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local key = headers:get("x-user")
  if key == nil then return end
  local index = choose(key)
  local first = ring[index].host
  local list = first
  -- Two candidates, as router.wasm is told to name in the same run.
  for step = 1, #ring - 1 do
    local other = ring[(index + step - 1) % #ring + 1].host
    if other ~= first then
      list = first .. "," .. other
      break
    end
  end
  headers:replace("x-gateway-destination-endpoint", list)
end
