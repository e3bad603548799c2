-- Presence gateway: the calendar's state on the users' own presence, and nobody else's "In a meeting".
--
-- README.md tells administrators how to load it and gateway authors how to talk to it.

local jid = require "util.jid";
local st = require "util.stanza";
local new_id = require "util.id".medium;
local now = require "util.time".now;
local user_exists = require "core.usermanager".user_exists;

local NS = "urn:x-presence-gateway:server:1";
local host, sessions = module.host, prosody.hosts[module.host].sessions;

local function seconds(name, default)
	local value = module:get_option_number(name, default);
	if not value or value <= 0 then error(name .. " must be a number of seconds above 0", 0); end
	return value;
end

local component = jid.prep(module:get_option_string("presence_gateway_component", ""));
if not component or component == "" then
	error("presence_gateway_component must be the address of the gateway's component", 0);
end
local grace = seconds("presence_gateway_grace", 300);
local max_overlay = seconds("presence_gateway_max_overlay", 86400);
local guarded = module:get_option_boolean("presence_gateway_guard", true);

local overlay = module:require "overlay";
local activity = module:require "activity";
local guard = module:require "guard";
local parse_overlay = module:require "parse_overlay";

-- Names this run of overlays: a gateway that meets another name sends all of them again.
local instance = new_id();
-- The connection in which the gateway last said hello: it keeps its overlays here.
local greeted;
-- From this instant on, a stored "in a meeting" without an overlay is nobody's.
local settled_at = now() + grace;
local grace_timer;

-- A burst of thousands must not keep the server from its other work.
local function in_batches(list, work)
	local position = 0;
	local function continue()
		for _ = 1, 50 do
			position = position + 1;
			if list[position] == nil then return; end
			work(list[position]);
		end
		module:add_timer(0.05, continue);
	end
	continue();
end

local function drop_all_overlays()
	instance = new_id();
	local dropped = {};
	for _, username in ipairs(overlay.usernames()) do
		dropped[#dropped + 1] = { username = username, overlay = overlay.get(username) };
	end
	if dropped[1] then module:log("warn", "The gateway is gone: %d overlays end", #dropped); end
	in_batches(dropped, function (each)
		if overlay.get(each.username) ~= each.overlay then return; end -- the gateway is back and has sent another
		overlay.clear(each.username);
		if each.overlay.activity then activity.clear(each.username, each.overlay.activity); end
	end);
end

local function stop_grace()
	settled_at = now() + grace;
	if grace_timer then grace_timer:stop(); end
	grace_timer = nil;
end

local function start_grace()
	stop_grace();
	grace_timer = module:add_timer(grace, drop_all_overlays);
end

local gateway_session = module:require "link" (component, stop_grace, start_grace);

-- The gateway clears the activity it has published; when it is away, or hangs, the server does.
local patience = math.min(60, grace);
function overlay.on_expired(username, expired)
	if not expired.activity then return; end
	module:add_timer(gateway_session() and patience or 0, function ()
		local present = overlay.get(username);
		if not (present and present.activity) then activity.clear(username, expired.activity); end
	end);
end

-- Clears a claim that was stored before the guard was here, or that a gateway left which does not come back.
local function clear_stray_activity(username)
	local gateway = gateway_session();
	if now() < settled_at or gateway and gateway ~= greeted then return; end
	local present = overlay.get(username);
	if present and present.activity then return; end
	if activity.clear(username, guard.claim) then
		module:log("info", "Cleared a stored activity 'in a meeting' of %s@%s, of no gateway", username, host);
	end
end

local function greet(origin, stanza)
	greeted = origin;
	origin.send(st.reply(stanza):tag("hello", {
		xmlns = NS, version = "1", instance = instance, overlays = tostring(#overlay.usernames()),
		features = guarded and "overlay batch guard cleanup" or "overlay batch cleanup",
	}));
	if stanza.tags[1].attr.known == instance then return; end -- it was told already
	-- mod_privilege has told the gateway what is broadcast; this is what the clients said
	for _, original in ipairs(overlay.hidden_presences()) do
		local told = st.clone(original);
		told.attr.to = stanza.attr.from;
		origin.send(told);
	end
end

-- Puts the order into effect for the user; returns the condition of the error when that cannot be.
local function apply(address, wanted)
	local username, to_host, resource = jid.split(address);
	if not username or to_host ~= host or resource then return "bad-request"; end
	if not (sessions[username] or user_exists(username, host)) then return "item-not-found"; end
	if not wanted then overlay.clear(username); return; end
	overlay.set(username, {
		show = wanted.show, statuses = wanted.statuses, activity = wanted.activity, until_time = wanted.until_time,
	});
end

local function set_overlay(origin, stanza)
	local wanted, problem = parse_overlay(stanza.tags[1], now(), max_overlay);
	local condition = problem and "bad-request" or apply(stanza.attr.to, wanted);
	if not condition then return origin.send(st.reply(stanza)); end
	local kind = condition == "bad-request" and "modify" or "cancel";
	local text = condition == "bad-request" and (problem or "An overlay is for the bare address of a local user") or nil;
	origin.send(st.error_reply(stanza, kind, condition, text));
end

-- Many users at once: whoever is refused is named, for all others it is done.
local function set_overlays(origin, stanza)
	local reply = st.reply(stanza):tag("overlays", { xmlns = NS });
	for element in stanza.tags[1]:childtags("overlay") do
		local wanted, problem = parse_overlay(element, now(), max_overlay);
		for to in element:childtags("to") do
			local condition = problem and "bad-request" or apply(to.attr.jid, wanted);
			if condition then reply:tag("refused", { jid = to.attr.jid or "", condition = condition }):up(); end
		end
	end
	origin.send(reply);
end

local function handle(event)
	local origin, stanza = event.origin, event.stanza;
	local payload, kind = stanza.tags[1], stanza.attr.type;
	if not payload or payload.attr.xmlns ~= NS or kind ~= "get" and kind ~= "set" then return; end
	if origin.type ~= "component" or origin.host ~= component or jid.bare(stanza.attr.from) ~= component then
		origin.send(st.error_reply(stanza, "auth", "forbidden"));
	elseif payload.name == "hello" and kind == "get" and stanza.attr.to == host then
		greet(origin, stanza);
	elseif payload.name == "overlay" and kind == "set" then
		set_overlay(origin, stanza);
	elseif payload.name == "overlays" and kind == "set" and stanza.attr.to == host then
		set_overlays(origin, stanza);
	else
		origin.send(st.error_reply(stanza, "modify", "bad-request"));
	end
	return true;
end

for _, kind in ipairs { "host", "bare", "full" } do
	module:hook("iq/" .. kind, handle, 100);
end
module:add_feature(NS);

local function online_usernames()
	local names = {};
	for username in pairs(sessions) do names[#names + 1] = username; end
	return names;
end

-- Connections older than this module may show a claim already.
local function strip_present_claims()
	for _, user in pairs(sessions) do
		for _, session in pairs(user.sessions) do
			local own = session.presence and overlay.own_presence(session);
			if own and guard.strip(own) then overlay.broadcast(session, own); end
		end
	end
end

if guarded then
	guard.start(component, overlay.examined);
	module:hook("resource-bind", function (event) clear_stray_activity(event.session.username); end);
	module:add_timer(grace + 1, function () in_batches(online_usernames(), clear_stray_activity); end);
end

function module.load()
	if not module.reloading and guarded then strip_present_claims(); end
end

function module.save()
	local saved = overlay.save();
	saved.instance, saved.greeted = instance, greeted;
	return saved;
end

function module.restore(saved)
	instance, greeted = saved.instance or instance, saved.greeted;
	if saved.overlays then overlay.restore(saved); end
	if not gateway_session() then start_grace(); end
end

function module.unload()
	if module.reloading then return; end
	for _, username in ipairs(overlay.usernames()) do overlay.clear(username); end
end
