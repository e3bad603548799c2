-- Reads <overlay/> elements of the gateway; everything in them is checked here.

local SHOWS = { available = true, chat = true, away = true, xa = true, dnd = true };
local MAX_STATUSES = 100; -- one for each language
local MAX_STATUS_BYTES = 1024;

local function parse_statuses(element)
	local statuses, languages = {}, {};
	for tag in element:childtags("status") do
		local lang = tag.attr["xml:lang"] or "";
		-- RFC 5646 2.1: subtags of letters and digits; RFC 6121 4.7.2.2: one text for each language
		if lang ~= "" and (#lang > 35 or not lang:match("^%a+[%w-]*$")) then return nil, "A status has an invalid xml:lang"; end
		if languages[lang:lower()] then return nil, "Two status texts have the same xml:lang"; end
		if tag.tags[1] or #tag:get_text() > MAX_STATUS_BYTES then return nil, "A status text is too long or not plain text"; end
		languages[lang:lower()] = true;
		statuses[#statuses + 1] = { lang = lang ~= "" and lang or nil, text = tag:get_text() };
	end
	if #statuses > MAX_STATUSES then return nil, "Too many status texts"; end
	return statuses;
end

-- Returns the overlay; nil when the element asks to clear; nil and a text for people when it is wrong.
-- `now` and `max_overlay` are seconds; ends beyond now + max_overlay are cut.
return function (element, now, max_overlay)
	local attr = element.attr;
	if attr.show and not SHOWS[attr.show] then return nil, "show must be available, chat, away, xa or dnd"; end
	if attr.activity and not (#attr.activity <= 64 and attr.activity:match("^[%l_]+$")) then
		return nil, "activity must be the name of a specific activity of XEP-0108";
	end
	local statuses, problem = parse_statuses(element);
	if not statuses then return nil, problem; end
	if not (attr.show or attr.activity or statuses[1]) then return nil; end
	if not (attr["until"] and #attr["until"] <= 15 and attr["until"]:match("^%d+$")) then
		return nil, "until must be a whole number of seconds since 1970";
	end
	local until_time = math.min(tonumber(attr["until"]), now + max_overlay);
	if until_time <= now then return nil; end
	return { show = attr.show, statuses = statuses, activity = attr.activity, until_time = until_time };
end
