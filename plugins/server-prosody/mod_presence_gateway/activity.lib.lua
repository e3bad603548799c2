-- The user's activity in PEP (XEP-0108): found and cleared on the user's behalf when the gateway cannot.

local st = require "util.stanza";
local tree = module:require "tree";

local NS_ACTIVITY = "http://jabber.org/protocol/activity";
local NS_PUBSUB = "http://jabber.org/protocol/pubsub";
local modules = prosody.hosts[module.host].modules;

local activity = { namespace = NS_ACTIVITY };

-- Publishes "no activity" when the stored item holds this specific activity, such as in_a_meeting; true if it did.
function activity.clear(username, name)
	-- not module:depends: where PEP is off there is nothing to clear
	local service = modules.pep and modules.pep.get_pep_service(username);
	local ok, id, item = false, nil, nil;
	if service then ok, id, item = service:get_last_item(NS_ACTIVITY, true); end
	if not (ok and id and item and tree.contains(item, name)) then return false; end
	-- XEP-0108 section 2: an empty <activity/> tells that the user has stopped publishing activities
	local empty = st.stanza("item", { xmlns = NS_PUBSUB, id = id }):tag("activity", { xmlns = NS_ACTIVITY }):reset();
	return (service:publish(NS_ACTIVITY, true, id, empty));
end

return activity;
