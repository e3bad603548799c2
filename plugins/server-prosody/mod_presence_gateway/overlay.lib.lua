-- Overlays: what contacts see instead of the user's own <show/> and <status/>, each with its own end.
--
-- The server stores and broadcasts the overlaid presence; the client's own one is remembered beside it and comes back
-- by itself. Priority, capabilities and everything else of the client's presence stay as they are.

local st = require "util.stanza";
local datetime_now = require "util.time".now;

local NS = "urn:x-presence-gateway:server:1";
local NS_DELAY = "urn:xmpp:delay";
local host = module.host;
local sessions = prosody.hosts[host].sessions;
local presence = module:depends("presence");

-- username -> { show, statuses = { { lang, text } }, until_time (seconds since 1970), activity, timer }
local overlays = {};
-- session -> the client's own presence, for as long as another one is stored and broadcast
local originals = setmetatable({}, { __mode = "k" });
-- stanzas whose texts need no examination again: already examined, or made here
local examined = setmetatable({}, { __mode = "k" });

local function without_tags(stanza, name)
	return stanza:maptags(function (tag)
		if tag.name == name and tag.attr.xmlns == nil then return nil; end
		return tag;
	end);
end

local function overlaid(original, overlay)
	local stanza = st.clone(original);
	if overlay.show then
		without_tags(stanza, "show");
		if overlay.show ~= "available" then stanza:text_tag("show", overlay.show); end
	end
	if overlay.statuses[1] then
		without_tags(stanza, "status");
		for _, status in ipairs(overlay.statuses) do
			if status.text ~= "" then stanza:text_tag("status", status.text, { ["xml:lang"] = status.lang }); end
		end
	end
	-- the mark tells the gateway that this is not what the client said, wherever the server repeats it
	return stanza:tag("overlaid", { xmlns = NS }):up();
end

-- Everything that people see of a presence, as one comparable string.
local function look(stanza)
	local seen = {};
	for _, tag in ipairs(stanza.tags) do
		if tag.attr.xmlns == nil and (tag.name == "show" or tag.name == "status") then
			seen[#seen + 1] = table.concat({ tag.name, tag.attr["xml:lang"] or "", tag:get_text() or "" }, "\1");
		end
	end
	table.sort(seen);
	return table.concat(seen, "\2");
end

-- What the client said last. mod_presence adds the server's own <delay/> to the presence it stores.
local function own_presence(session)
	if originals[session] then return originals[session]; end
	return st.clone(session.presence):maptags(function (tag)
		if tag.name == "delay" and tag.attr.xmlns == NS_DELAY and tag.attr.from == host then return nil; end
		return tag;
	end);
end

-- Goes to mod_presence directly: the hooks of presence/bare would tell the gateway what it ordered itself.
local function broadcast(session, stanza)
	examined[stanza] = true;
	presence.handle_normal_presence(session, stanza);
end

-- Broadcasts what the user's contacts should see now, of the connections where they see something else.
local function refresh(username)
	local user, overlay = sessions[username], overlays[username];
	for _, session in pairs(user and user.sessions or {}) do
		if session.presence then
			local original = own_presence(session);
			local wanted = overlay and overlaid(original, overlay) or st.clone(original);
			if look(wanted) ~= look(session.presence) then
				originals[session] = overlay and original or nil;
				broadcast(session, wanted);
			end
		end
	end
end

-- After mod_privilege (150: the gateway is told what the client said) and mod_pep (10: capabilities), before
-- mod_presence (0: stores and broadcasts).
module:hook("presence/bare", function (event)
	local session, stanza = event.origin, event.stanza;
	if stanza.attr.to or session.type ~= "c2s" or not session.username then return; end
	local overlay = stanza.attr.type == nil and overlays[session.username];
	originals[session] = overlay and st.clone(stanza) or nil;
	if overlay then
		event.stanza = overlaid(stanza, overlay);
		examined[event.stanza] = true;
	end
end, 8);

local lib = { examined = examined, broadcast = broadcast, own_presence = own_presence, on_expired = nil };

-- Ends the user's overlay, if any, and returns it.
function lib.clear(username)
	local overlay = overlays[username];
	if not overlay then return nil; end
	overlays[username] = nil;
	overlay.timer:stop();
	refresh(username);
	return overlay;
end

local function schedule(username, overlay)
	local delay = math.max(0, overlay.until_time - datetime_now());
	overlay.timer = module:add_timer(delay, function ()
		if overlays[username] ~= overlay then return; end
		lib.clear(username);
		lib.on_expired(username, overlay);
	end);
end

-- Puts this overlay in the place of the user's present one.
function lib.set(username, overlay)
	local previous = overlays[username];
	if previous then previous.timer:stop(); end
	overlays[username] = overlay;
	schedule(username, overlay);
	refresh(username);
end

function lib.get(username)
	return overlays[username];
end

-- The names of all users with an overlay.
function lib.usernames()
	local names = {};
	for username in pairs(overlays) do names[#names + 1] = username; end
	return names;
end

-- The clients' own presences behind the overlaid ones, as an array of stanzas.
function lib.hidden_presences()
	local hidden = {};
	for session, original in pairs(originals) do
		if session.presence and prosody.full_sessions[session.full_jid] == session then hidden[#hidden + 1] = original; end
	end
	return hidden;
end

function lib.save()
	for _, overlay in pairs(overlays) do overlay.timer:stop(); overlay.timer = nil; end
	return { overlays = overlays, originals = originals, examined = examined };
end

function lib.restore(saved)
	for username, overlay in pairs(saved.overlays) do
		overlays[username] = overlay;
		schedule(username, overlay);
	end
	for session, original in pairs(saved.originals) do originals[session] = original; end
	for stanza in pairs(saved.examined) do examined[stanza] = true; end
end

return lib;
