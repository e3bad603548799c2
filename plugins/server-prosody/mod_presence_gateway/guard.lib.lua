-- "In a meeting" comes from the gateway only: claims of clients are refused (PEP) or removed (status texts).

local jid_bare = require "util.jid".bare;
local st = require "util.stanza";
local activity = module:require "activity";
local tree = module:require "tree";
local text_key = module:require "text_key";

local CLAIM = "in_a_meeting";

local reserved = {};
local own_texts = module:get_option_array("presence_gateway_reserved_texts", {});
for _, texts in ipairs { module:require "reserved_texts", own_texts } do
	for _, text in ipairs(texts) do
		local key = text_key(tostring(text));
		if key ~= "" then reserved[key] = true; end
	end
end

local function is_reserved(text)
	return reserved[text_key(text)] == true;
end

-- The gateway's own component, or an IQ that mod_privilege runs in the user's name: that session has no resource.
local function is_gateway(origin, component)
	if origin.type == "component" then return origin.host == component; end
	return origin.type == "c2s" and not origin.conn and not prosody.full_sessions[origin.full_jid or ""];
end

-- All descendants count: repeated elements, several items and foreign namespaces reach clients as they are.
local function claims_meeting(publish)
	for node in tree.descendants(publish) do
		if type(node) == "table" then
			if node.name == CLAIM then return true; end
			if node.name == "text" and is_reserved(tree.text(node)) then return true; end
		end
	end
	return false;
end

local function refuse_activity(event)
	local origin, stanza = event.origin, event.stanza;
	for _, action in ipairs(stanza.tags[1].tags) do
		if action.attr.node == activity.namespace and claims_meeting(action) then
			module:log("info", "Refused the activity 'in a meeting' that %s tried to publish", jid_bare(stanza.attr.from));
			origin.send(st.error_reply(stanza, "cancel", "not-allowed", "'In a meeting' is set from the calendar only"));
			return true;
		end
	end
end

-- Removes what a client may not say from its presence; true if there was something.
local function strip(stanza)
	local was_claim = false;
	stanza:maptags(function (tag)
		if tag.attr.xmlns == "urn:x-presence-gateway:server:1" then return nil; end -- only this module marks
		if tag.attr.xmlns == nil and tag.name == "status" and is_reserved(tree.text(tag)) then
			was_claim = true;
			return nil;
		end
		return tag;
	end);
	return was_claim;
end

local guard = { claim = CLAIM, strip = strip };

-- Starts guarding. `examined` holds the presence stanzas that need no (further) look.
function guard.start(component, examined)
	module:hook("iq/bare/http://jabber.org/protocol/pubsub:pubsub", function (event)
		if event.stanza.attr.type ~= "set" or is_gateway(event.origin, component) then return; end
		return refuse_activity(event);
	end, 100);

	-- Every presence that a client sends passes here first, and each copy of a broadcast passes again.
	local function examine(event)
		local session, stanza = event.origin, event.stanza;
		if session.type ~= "c2s" or examined[stanza] then return; end
		examined[stanza] = true;
		if strip(stanza) then
			module:log("info", "Removed the status text 'in a meeting' that %s tried to show", jid_bare(stanza.attr.from));
		end
	end
	for _, kind in ipairs { "bare", "full", "host" } do
		module:hook("pre-presence/" .. kind, examine, 1000);
	end
end

return guard;
