-- Copyright (C) Ficus authors
--
-- The load of 710_soak.t, for wrk: all that clients do with users and orders
-- whose ids come and go, at random; now and then what they do seldom or wrong.
-- Ends with a line RESULT: requests, 2xx, 4xx, shed, failed, p50, p99 (ms).

local users, orders = 1000, 1000
local threads = {}

local json = { ["Content-Type"] = "application/json" }
local merge = { ["Content-Type"] = "application/merge-patch+json" }
local steps = { "Processing", "Shipping", "Delivered", "Cancelled" }
local long = string.rep("x", 300000)


local function user()
    return "u" .. math.random(users)
end

local function order()
    return "o" .. math.random(orders)
end

local function email()
    return "e" .. math.random(100000000) .. "@example.org"
end

local function get(path)
    return wrk.format("GET", path)
end

local function send(method, path, body, headers)
    return wrk.format(method, path, headers or json, body)
end

local function new_user(id, address)
    return send("POST", "/api/users", '{"userId":"' .. id .. '","email":"'
        .. email() .. '","deliveryAddress":"' .. address .. '"}')
end

local function new_order(field, value)
    return send("POST", "/api/orders", '{"orderId":"' .. order()
        .. '","productName":"thing","' .. field .. '":"' .. value .. '"}')
end


local often = {
    function() return get("/api/users/" .. user()) end,
    function() return get("/api/users/" .. user()) end,
    function() return get("/api/orders/" .. order()) end,
    function() return new_user(user(), "Street 1") end,
    function() return new_order("userId", user()) end,
    function()
        return send("PUT", "/api/users/" .. user(),
            '{"email":"' .. email() .. '"}')
    end,
    function()
        return send("PATCH", "/api/users/" .. user(),
            '{"deliveryAddress":"Street ' .. math.random(1000) .. '"}', merge)
    end,
    function()
        return send("PUT", "/api/orders/" .. order(),
            '{"status":"' .. steps[math.random(#steps)] .. '"}')
    end,
}

local seldom = {
    function() return send("DELETE", "/api/users/" .. user()) end,
    function() return send("DELETE", "/api/orders/" .. order()) end,
    function() return get("/api/users?limit=20") end,
    function() return get("/api/orders?userId=" .. user()) end,
    function() return new_order("email", email()) end,
    function() return new_user(user(), long) end,
    function() return send("PUT", "/api/users/" .. user(), '{"email":') end,
    function() return get("/nowhere") end,
}


function setup(thread)
    table.insert(threads, thread)
    thread:set("seed", 7919 * #threads)
end

function init()
    math.randomseed(seed)
    good, refused, shed, failed = 0, 0, 0, 0
end

function request()
    local acts = math.random(20) == 1 and seldom or often

    return acts[math.random(#acts)]()
end

function response(status, headers)
    if status < 400 then
        good = good + 1
    elseif status < 500 then
        refused = refused + 1
    elseif status == 503 and headers["Retry-After"] then
        shed = shed + 1
    else
        failed = failed + 1
    end
end

function done(summary, latency)
    local n = { good = 0, refused = 0, shed = 0, failed = 0 }
    local e = summary.errors

    for _, thread in ipairs(threads) do
        for name in pairs(n) do
            n[name] = n[name] + thread:get(name)
        end
    end

    io.write(string.format("RESULT %d %d %d %d %d %.2f %.2f\n",
        summary.requests, n.good, n.refused, n.shed,
        n.failed + e.connect + e.read + e.write + e.timeout,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
