-- Walking stanzas from strangers: without recursion, so that deep nesting cannot exhaust the stack.

local tree = {};

-- Iterates over the stanza's descendants (elements, and texts as strings) in document order.
function tree.descendants(stanza)
	local stack = { stanza };
	local function next_node()
		local node = table.remove(stack);
		if node == nil then return nil; end
		if type(node) == "table" then
			for i = #node, 1, -1 do stack[#stack + 1] = node[i]; end
		end
		if node == stanza then return next_node(); end
		return node;
	end
	return next_node;
end

-- Whether an element of this local name, in whatever namespace, stands anywhere below.
function tree.contains(stanza, name)
	for node in tree.descendants(stanza) do
		if type(node) == "table" and node.name == name then return true; end
	end
	return false;
end

-- All text below, as clients that ignore unknown elements show it.
function tree.text(stanza)
	local texts = {};
	for node in tree.descendants(stanza) do
		if type(node) == "string" then texts[#texts + 1] = node; end
	end
	return table.concat(texts);
end

return tree;
