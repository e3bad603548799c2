%% Overlays: what contacts see instead of the user's own <show/> and <status/>, each with its own end.
%%
%% Priority, capabilities and everything else of the client's presence stay as they are.
-module(presence_gateway_overlay).

-export([parse/3, dress/2, is_overlaid/1, look/1]).

-include("xmpp.hrl").

-define(NS, <<"urn:x-presence-gateway:server:1">>).
-define(MAX_STATUSES, 100). % one for each language
-define(MAX_STATUS_BYTES, 1024).

-type overlay() :: #{show := own | undefined | chat | away | xa | dnd, % `undefined`: available
                     statuses := [#text{}], activity := binary(), until := integer()}.
-export_type([overlay/0]).

%% Reads an <overlay/> of the gateway; everything in it is checked here. `Now` and `Max` are seconds; an end beyond
%% `Now + Max` is cut. The text of an error is for people.
-spec parse(xmlel(), integer(), pos_integer()) -> {ok, overlay()} | clear | {error, binary()}.
parse(El, Now, Max) ->
    try
        Show = parse_show(fxml:get_tag_attr(<<"show">>, El)),
        Activity = parse_activity(fxml:get_tag_attr(<<"activity">>, El)),
        Statuses = parse_statuses(El),
        case {Show, Activity, Statuses} of
            {own, <<>>, []} -> clear;
            _ ->
                case min(parse_until(fxml:get_tag_attr_s(<<"until">>, El)), Now + Max) of
                    Until when Until =< Now -> clear;
                    Until -> {ok, #{show => Show, statuses => Statuses, activity => Activity, until => Until}}
                end
        end
    catch throw:Problem -> {error, Problem}
    end.

parse_show(false) -> own;
parse_show({value, <<"available">>}) -> undefined;
parse_show({value, <<"chat">>}) -> chat;
parse_show({value, <<"away">>}) -> away;
parse_show({value, <<"xa">>}) -> xa;
parse_show({value, <<"dnd">>}) -> dnd;
parse_show(_) -> throw(<<"show must be available, chat, away, xa or dnd">>).

parse_activity(false) -> <<>>;
parse_activity({value, Name}) ->
    matches(Name, "^[a-z_]{1,64}\\z") orelse throw(<<"activity must be the name of a specific activity of XEP-0108">>),
    Name.

parse_until(Text) ->
    matches(Text, "^[0-9]{1,15}\\z") orelse throw(<<"until must be a whole number of seconds since 1970">>),
    binary_to_integer(Text).

parse_statuses(#xmlel{children = Children}) ->
    Statuses = [parse_status(Child) || #xmlel{name = <<"status">>} = Child <- Children],
    length(Statuses) =< ?MAX_STATUSES orelse throw(<<"Too many status texts">>),
    % RFC 6121 4.7.2.2: one text for each language
    Languages = lists:usort([string:lowercase(Lang) || #text{lang = Lang} <- Statuses]),
    length(Languages) == length(Statuses) orelse throw(<<"Two status texts have the same xml:lang">>),
    Statuses.

parse_status(#xmlel{children = Children} = El) ->
    Lang = fxml:get_tag_attr_s(<<"xml:lang">>, El),
    % RFC 5646 2.1: subtags of letters and digits
    Lang == <<>> orelse matches(Lang, "^(?=.{1,35}\\z)[A-Za-z]+[A-Za-z0-9-]*\\z")
        orelse throw(<<"A status has an invalid xml:lang">>),
    IsPlain = lists:all(fun({xmlcdata, _}) -> true; (_) -> false end, Children),
    Text = fxml:get_cdata(Children),
    IsPlain andalso byte_size(Text) =< ?MAX_STATUS_BYTES
        orelse throw(<<"A status text is too long or not plain text">>),
    #text{lang = Lang, data = Text}.

matches(Text, Pattern) -> re:run(Text, Pattern, [{capture, none}]) == match.

%% The client's presence as contacts see it. The mark tells the gateway that this is not what the client said.
-spec dress(presence(), overlay()) -> presence().
dress(#presence{sub_els = Els} = Own, #{show := Show, statuses := Statuses}) ->
    Shown = if Show == own -> Own; true -> Own#presence{show = Show} end,
    Said = case Statuses of
               [] -> Shown;
               _ -> Shown#presence{status = [Text || #text{data = Data} = Text <- Statuses, Data /= <<>>]}
           end,
    Said#presence{sub_els = Els ++ [#xmlel{name = <<"overlaid">>, attrs = [{<<"xmlns">>, ?NS}]}]}.

-spec is_overlaid(presence()) -> boolean().
is_overlaid(#presence{sub_els = Els}) ->
    lists:any(fun(#xmlel{name = <<"overlaid">>} = El) -> fxml:get_tag_attr_s(<<"xmlns">>, El) == ?NS;
                 (_) -> false
              end, Els).

%% Everything that people see of a presence, to be compared.
-spec look(presence()) -> term().
look(#presence{show = Show, status = Status}) -> {Show, lists:sort(Status)}.
