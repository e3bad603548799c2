-- The form in which texts are compared: two texts that people read as the same words have the same key.
--
-- Compatibility forms and case are folded (NFKC and case folding by nameprep, RFC 3491), letters of other scripts and
-- styles become the Latin ones they look like (Unicode TS 39 where Prosody was built with ICU, a small table
-- elsewhere), and everything that is neither letter nor digit goes: white space, punctuation, emoji, invisible characters.

local encodings = require "util.encodings";
local nameprep = encodings.stringprep.nameprep;
local skeleton = encodings.confusable and encodings.confusable.skeleton;

-- [first, last] code points beyond ASCII of marks, punctuation, symbols and invisible characters.
local NO_LETTERS = {
	{ 0x80, 0xA9 }, { 0xAB, 0xB4 }, { 0xB6, 0xB9 }, { 0xBB, 0xBF }, { 0xD7, 0xD7 }, { 0xF7, 0xF7 }, { 0x02B0, 0x036F }, { 0x115F, 0x1160 }, { 0x2000, 0x2BFF }, { 0x2E00, 0x2E7F },
	{ 0x3000, 0x303F }, { 0x3164, 0x3164 }, { 0xE000, 0xF8FF }, { 0xFE00, 0xFE4F }, { 0xFFA0, 0xFFA0 },
	{ 0xFFF0, 0xFFFF }, { 0x1F000, 0x1FAFF }, { 0xE0000, 0x10FFFF },
};

-- First code points of alphabets of 26 symbols without a decomposition: regional indicators, squared, circled.
local ALPHABETS = { 0x1F1E6, 0x1F130, 0x1F150, 0x1F170 };

local LOOK_ALIKES = {};
for pair in ([[
	аa вb еe ёe іi їi јj кk мm нh оo рp сc ѕs тt уy хx ԁd ԛq ԝw һh ѵv αa εe ιi κk μm νv οo ρp τt υu χx ηn γy ոn ɡg ıi
	ᴀa ʙb ᴄc ᴅd ᴇe ꜰf ɢg ʜh ɪi ᴊj ᴋk ʟl ᴍm ɴn ᴏo ᴘp ʀr ꜱs ᴛt ᴜu ᴠv ᴡw ʏy ᴢz
	àa áa âa ãa äa åa çc èe ée êe ëe ìi íi îi ïi ñn òo óo ôo õo öo ùu úu ûu üu ýy ÿy
	1i li 0o 3e 4a 5s 7t
]]):gmatch("%S+") do
	LOOK_ALIKES[pair:sub(1, -2)] = pair:sub(-1);
end

local function code_point(char)
	local first = char:byte();
	local code = first < 0xE0 and first - 0xC0 or first < 0xF0 and first - 0xE0 or first - 0xF0;
	for i = 2, #char do code = code * 64 + char:byte(i) - 0x80; end
	return code;
end

local function is_letter(code)
	for _, range in ipairs(NO_LETTERS) do
		if code >= range[1] and code <= range[2] then return false; end
	end
	return true;
end

local BEYOND_ASCII = "[\194-\244][\128-\191]*";

-- Keeps letters and digits, in lower case and Latin where they look Latin.
local function letters_only(text)
	local ascii = text:gsub(BEYOND_ASCII, function (char)
		return LOOK_ALIKES[char] or not is_letter(code_point(char)) and "" or nil;
	end);
	return (ascii:lower():gsub("[^%w\128-\255]", ""):gsub("%w", LOOK_ALIKES));
end

local function fold(char)
	local code = code_point(char);
	for _, first in ipairs(ALPHABETS) do
		if code >= first and code < first + 26 then return string.char(0x61 + code - first); end
	end
	return nameprep(char) or "";
end

-- The comparison key of a text (UTF-8); empty when nothing readable is in it.
return function (text)
	local key = letters_only((text:gsub(BEYOND_ASCII, fold)));
	-- ICU's limit; so long a text is none of ours. The skeleton decomposes accents: what remains are letters again.
	if skeleton and #key < 1000 then key = letters_only(skeleton(key) or key); end
	return key;
end
