%% "In a meeting" comes from the gateway only: what reads as a claim of it, in status texts and in PEP activities.
%%
%% Two texts that people read as the same words have the same key: compatibility forms, case and accents are folded
%% (NFKD and case folding), letters of other scripts and styles become the Latin ones they look like (after Unicode
%% TS 39), and everything that is neither letter nor digit goes: white space, punctuation, emoji, invisible characters.
-module(presence_gateway_claims).

-export([reserved/1, is_reserved/2, strip/2, is_activity_claim/2, is_publish_claim/2, contains/2]).

-include("xmpp.hrl").
-include("reserved_texts.hrl").

-define(NS, <<"urn:x-presence-gateway:server:1">>).
-define(ACTIVITY, <<"http://jabber.org/protocol/activity">>).
-define(CLAIM, <<"in_a_meeting">>).

-type reserved() :: #{string() => true}.
-export_type([reserved/0]).

%% The keys of the texts that only the gateway may show: its own in every language, and the site's.
-spec reserved([binary()]) -> reserved().
reserved(OwnTexts) ->
    Keys = [key(Text) || Text <- ?RESERVED_TEXTS ++ OwnTexts],
    maps:from_list([{Key, true} || Key <- Keys, Key /= []]).

-spec is_reserved(binary(), reserved()) -> boolean().
is_reserved(Text, Reserved) ->
    maps:is_key(key(Text), Reserved).

%% Removes what a client may not say from its presence; true if a claim was among it.
-spec strip(presence(), reserved()) -> {presence(), boolean()}.
strip(#presence{status = Status, sub_els = Els} = Presence, Reserved) ->
    Kept = [Text || #text{data = Data} = Text <- Status, not is_reserved(Data, Reserved)],
    Unmarked = [El || El <- Els, not is_mark(El)], % only this module marks
    {Presence#presence{status = Kept, sub_els = Unmarked}, Kept /= Status}.

is_mark(#xmlel{} = El) -> fxml:get_tag_attr_s(<<"xmlns">>, El) == ?NS;
is_mark(_) -> false.

%% Whether the iq publishes a meeting in the activity node (XEP-0108).
-spec is_publish_claim(iq(), reserved()) -> boolean().
is_publish_claim(#iq{type = set, sub_els = Els}, Reserved) ->
    Actions = [Action || #xmlel{children = Actions} = El <- Els, local_name(El) == <<"pubsub">>,
                         #xmlel{} = Action <- Actions],
    lists:any(fun(Action) ->
                      fxml:get_tag_attr_s(<<"node">>, Action) == ?ACTIVITY andalso is_activity_claim(Action, Reserved)
              end, Actions);
is_publish_claim(_, _) ->
    false.

%% All descendants count: repeated elements, several items and foreign namespaces reach clients as they are.
-spec is_activity_claim(xmlel(), reserved()) -> boolean().
is_activity_claim(#xmlel{children = Children} = El, Reserved) ->
    case local_name(El) of
        ?CLAIM -> true;
        Name ->
            Name == <<"text">> andalso is_reserved(text(El), Reserved)
                orelse lists:any(fun(Child) -> is_activity_claim(Child, Reserved) end, Children)
    end;
is_activity_claim({xmlcdata, _}, _) ->
    false.

%% Whether an element of this local name, in whatever namespace, is here or below.
-spec contains(xmlel() | {xmlcdata, binary()}, binary()) -> boolean().
contains(#xmlel{children = Children} = El, Name) ->
    local_name(El) == Name orelse lists:any(fun(Child) -> contains(Child, Name) end, Children);
contains({xmlcdata, _}, _) ->
    false.

local_name(#xmlel{name = Name}) -> lists:last(binary:split(Name, <<":">>)).

%% All text below, as clients that ignore unknown elements show it.
text(#xmlel{children = Children}) -> iolist_to_binary([text(Child) || Child <- Children]);
text({xmlcdata, Data}) -> Data.

key(Text) ->
    case unicode:characters_to_list(Text) of
        Chars when is_list(Chars) ->
            Plain = unicode:characters_to_nfkd_list([unframed(Char) || Char <- Chars]),
            Folded = unicode:characters_to_nfkd_list(string:casefold(Plain)),
            [look_alike(Char) || Char <- Folded, is_readable(Char)];
        _ -> [] % no UTF-8: none of ours
    end.

%% Alphabets of 26 symbols without a decomposition: regional indicators, squared, circled, squared on black.
unframed(Char) when Char >= 16#1F1E6, Char < 16#1F1E6 + 26 -> $a + Char - 16#1F1E6;
unframed(Char) when Char >= 16#1F130, Char < 16#1F130 + 26 -> $a + Char - 16#1F130;
unframed(Char) when Char >= 16#1F150, Char < 16#1F150 + 26 -> $a + Char - 16#1F150;
unframed(Char) when Char >= 16#1F170, Char < 16#1F170 + 26 -> $a + Char - 16#1F170;
unframed(Char) -> Char.

%% No marks, punctuation, symbols and invisible characters.
is_readable(Char) when Char < 16#80 -> Char >= $a andalso Char =< $z orelse Char >= $0 andalso Char =< $9;
is_readable(Char) when Char =< 16#A9 -> false;
is_readable(Char) when Char < 16#C0 -> Char == 16#AA orelse Char == 16#B5 orelse Char == 16#BA;
is_readable(16#D7) -> false;
is_readable(16#F7) -> false;
is_readable(Char) when Char >= 16#02B0, Char =< 16#036F -> false;
is_readable(Char) when Char >= 16#115F, Char =< 16#1160 -> false;
is_readable(Char) when Char >= 16#180B, Char =< 16#180F -> false;
is_readable(Char) when Char >= 16#2000, Char =< 16#2BFF -> false;
is_readable(Char) when Char >= 16#2E00, Char =< 16#2E7F -> false;
is_readable(Char) when Char >= 16#3000, Char =< 16#303F -> false;
is_readable(16#3164) -> false;
is_readable(Char) when Char >= 16#E000, Char =< 16#F8FF -> false;
is_readable(Char) when Char >= 16#FE00, Char =< 16#FE4F -> false;
is_readable(16#FEFF) -> false;
is_readable(16#FFA0) -> false;
is_readable(Char) when Char >= 16#FFF0, Char =< 16#FFFF -> false;
is_readable(Char) when Char >= 16#1F000, Char =< 16#1FAFF -> false;
is_readable(Char) -> Char < 16#E0000.

look_alike(Char) -> maps:get(Char, #{
    $а => $a, $в => $b, $е => $e, $і => $i, $ј => $j, $к => $k, $м => $m, $н => $h, $о => $o, $р => $p, $с => $c,
    $ѕ => $s, $т => $t, $у => $y, $х => $x, $ԁ => $d, $ԛ => $q, $ԝ => $w, $һ => $h, $ѵ => $v,
    $α => $a, $ε => $e, $ι => $i, $κ => $k, $μ => $m, $ν => $n, $ο => $o, $ρ => $p, $τ => $t, $υ => $u, $χ => $x,
    $η => $n, $γ => $y, $ո => $n, $ɡ => $g, $ı => $i,
    $ᴀ => $a, $ʙ => $b, $ᴄ => $c, $ᴅ => $d, $ᴇ => $e, $ꜰ => $f, $ɢ => $g, $ʜ => $h, $ɪ => $i, $ᴊ => $j, $ᴋ => $k,
    $ʟ => $i, $ᴍ => $m, $ɴ => $n, $ᴏ => $o, $ᴘ => $p, $ʀ => $r, $ꜱ => $s, $ᴛ => $t, $ᴜ => $u, $ᴠ => $v, $ᴡ => $w,
    $ʏ => $y, $ᴢ => $z,
    % Lisu
    $ꓮ => $a, $ꓐ => $b, $ꓚ => $c, $ꓓ => $d, $ꓰ => $e, $ꓝ => $f, $ꓖ => $g, $ꓧ => $h, $ꓲ => $i, $ꓙ => $j, $ꓗ => $k,
    $ꓡ => $i, $ꓟ => $m, $ꓠ => $n, $ꓳ => $o, $ꓑ => $p, $ꓣ => $r, $ꓢ => $s, $ꓔ => $t, $ꓴ => $u, $ꓦ => $v, $ꓪ => $w,
    $ꓫ => $x, $ꓬ => $y, $ꓜ => $z,
    % Cherokee, which case folding makes upper case
    $Ꭺ => $a, $Ᏼ => $b, $Ꮯ => $c, $Ꭰ => $d, $Ꭼ => $e, $Ꮐ => $g, $Ꮋ => $h, $Ꭵ => $i, $Ꭻ => $j, $Ꮶ => $k, $Ꮮ => $i,
    $Ꮇ => $m, $Ꮲ => $p, $Ꭱ => $r, $Ꮪ => $s, $Ꭲ => $t, $Ꮩ => $v, $Ꮃ => $w, $Ꮓ => $z,
    % one letter for those that look alike within Latin
    $l => $i, $1 => $i, $0 => $o, $3 => $e, $4 => $a, $5 => $s, $7 => $t
}, Char).
