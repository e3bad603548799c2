-- Whether the gateway is connected, when it comes and goes, and silence towards users while it is away.

local hosts = prosody.hosts;

-- Watches the component. Calls on_connected(session) and on_disconnected(). Returns a function that tells the gateway's
-- present session, or nil.
return function (component, on_connected, on_disconnected)
	local function gateway_session()
		local loaded = hosts[component] and hosts[component].modules.component;
		return loaded and loaded.session or nil;
	end

	-- mod_privilege goes on forwarding presence after the gateway has left, and rosters may hold the gateway's addresses:
	-- mod_component would answer each user with an error.
	local function swallow()
		if not gateway_session() then return true; end
	end

	local function watch()
		local there = module:context(component);
		there:hook("component-authenticated", function (event) on_connected(event.session); end);
		there:hook("component-disconnected", function (event)
			-- also fired for strangers who knew the name but not the secret
			if event.session.type == "component" then on_disconnected(); end
		end);
		for _, kind in ipairs { "host", "bare", "full" } do
			there:hook("presence/" .. kind, swallow, 100);
		end
	end

	-- mod_privilege greets every client with an empty list of privileges; people see an empty message.
	module:hook("presence/initial", function (event)
		local privileges = event.origin.privileges;
		if privileges and privileges[module.host] and next(privileges[module.host]) == nil then
			privileges[module.host] = nil;
		end
	end, 100);

	if hosts[component] then watch(); end
	module:hook_global("host-activated", function (activated)
		if activated == component then watch(); end
	end);
	return gateway_session;
end
