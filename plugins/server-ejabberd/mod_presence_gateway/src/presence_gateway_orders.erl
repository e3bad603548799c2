%% Orders of the gateway, and silence towards users while it is away.
-module(presence_gateway_orders).

-export([note_gateway/1, forget_gateway/1, filter_packet/1, disco_local_features/5]).

-include("xmpp.hrl").

-define(NS, <<"urn:x-presence-gateway:server:1">>).

%% From now on this component is known for a gateway.
note_gateway(Component) -> persistent_term:put({?MODULE, Component}, true).

forget_gateway(Component) -> persistent_term:erase({?MODULE, Component}).

is_gateway(Domain) -> persistent_term:get({?MODULE, Domain}, false).

%% XEP-0030: the host says that the module is here.
disco_local_features({error, _} = Error, _, _, _, _) -> Error;
disco_local_features({result, Features}, _, _, <<>>, _) -> {result, [?NS | Features]};
disco_local_features(empty, _, _, <<>>, _) -> {result, [?NS]};
disco_local_features(Known, _, _, _, _) -> Known.

filter_packet(#iq{type = Type, to = #jid{lserver = Host}, sub_els = [#xmlel{} = El]} = IQ)
  when Type == get; Type == set ->
    case fxml:get_tag_attr_s(<<"xmlns">>, El) == ?NS andalso mod_presence_gateway:configuration(Host) of
        #{} = Configuration ->
            obey(IQ, El, Configuration),
            drop;
        _ -> keep_silence(IQ)
    end;
filter_packet(drop) ->
    drop;
filter_packet(Packet) ->
    keep_silence(Packet).

%% Without its route, what goes to the gateway would be looked for on other servers, for minutes.
keep_silence(Packet) ->
    #jid{lserver = Domain} = xmpp:get_to(Packet),
    case is_gateway(Domain) andalso not ejabberd_router:is_my_route(Domain) of
        true ->
            is_record(Packet, presence) orelse ejabberd_router:route_error(Packet, xmpp:err_remote_server_timeout()),
            drop;
        false -> Packet
    end.

obey(#iq{from = #jid{luser = <<>>, lserver = Component}} = IQ, El, #{component := Component} = Configuration) ->
    case {IQ, El} of
        {#iq{type = get, to = #jid{luser = <<>>, lresource = <<>>}}, #xmlel{name = <<"hello">>}} ->
            greet(IQ, Configuration);
        {#iq{type = set}, #xmlel{name = <<"overlay">>}} ->
            set_overlay(IQ, El, Configuration);
        {#iq{type = set, to = #jid{luser = <<>>, lresource = <<>>}}, #xmlel{name = <<"overlays">>}} ->
            set_overlays(IQ, El, Configuration);
        _ -> ejabberd_router:route_error(IQ, xmpp:err_bad_request())
    end;
obey(IQ, _, _) ->
    ejabberd_router:route_error(IQ, xmpp:err_forbidden()).

%% mod_privilege tells what clients say from now on; this is what they have said.
%% A gateway that knows this instance was told it already.
greet(#iq{from = Gateway, to = #jid{lserver = Host}, sub_els = [Hello | _]} = IQ, #{sessions := Sessions, guard := Guard}) ->
    {Instance, Count} = mod_presence_gateway:greet(Host),
    Features = if Guard -> <<"overlay batch guard cleanup snapshot">>; true -> <<"overlay batch cleanup snapshot">> end,
    reply(IQ, #xmlel{name = <<"hello">>, attrs = [{<<"xmlns">>, ?NS}, {<<"version">>, <<"1">>},
                                                  {<<"instance">>, Instance},
                                                  {<<"overlays">>, integer_to_binary(Count)},
                                                  {<<"features">>, Features}]}),
    [ejabberd_router:route(xmpp:set_to(Own, Gateway))
     || fxml:get_tag_attr_s(<<"known">>, Hello) /= Instance, {_, Own} <- ets:tab2list(Sessions)].

set_overlay(#iq{to = To} = IQ, El, #{max_overlay := Max}) ->
    Wanted = presence_gateway_overlay:parse(El, erlang:system_time(second), Max),
    case {Wanted, refusal(To, To#jid.lserver)} of
        {{error, Problem}, _} -> ejabberd_router:route_error(IQ, xmpp:err_bad_request(Problem, xmpp:get_lang(IQ)));
        {_, <<"bad-request">>} ->
            Text = <<"An overlay is for the bare address of a local user">>,
            ejabberd_router:route_error(IQ, xmpp:err_bad_request(Text, xmpp:get_lang(IQ)));
        {_, <<"item-not-found">>} -> ejabberd_router:route_error(IQ, xmpp:err_item_not_found());
        {_, undefined} ->
            mod_presence_gateway:set(To#jid.lserver, [{To#jid.luser, order(Wanted)}]),
            reply(IQ, undefined)
    end.

%% Many users at once: whoever is refused is named, for all others it is done.
set_overlays(#iq{to = #jid{lserver = Host}} = IQ, #xmlel{children = Children}, #{max_overlay := Max}) ->
    Now = erlang:system_time(second),
    Judged = [judge(To, presence_gateway_overlay:parse(El, Now, Max), Host)
              || #xmlel{name = <<"overlay">>, children = Tos} = El <- Children, #xmlel{name = <<"to">>} = To <- Tos],
    mod_presence_gateway:set(Host, [Order || {order, Order} <- Judged]),
    reply(IQ, #xmlel{name = <<"overlays">>, attrs = [{<<"xmlns">>, ?NS}],
                     children = [#xmlel{name = <<"refused">>, attrs = [{<<"jid">>, Jid}, {<<"condition">>, Condition}]}
                                 || {refused, Jid, Condition} <- Judged]}).

judge(To, Wanted, Host) ->
    Text = fxml:get_tag_attr_s(<<"jid">>, To),
    Jid = try jid:decode(Text) catch _:_ -> undefined end,
    case {Wanted, refusal(Jid, Host)} of
        {{error, _}, _} -> {refused, Text, <<"bad-request">>};
        {_, undefined} -> {order, {Jid#jid.luser, order(Wanted)}};
        {_, Condition} -> {refused, Text, Condition}
    end.

order({ok, Overlay}) -> Overlay;
order(clear) -> clear.

%% The condition of the error for whom no overlay can be.
refusal(#jid{luser = LUser, lserver = Host, lresource = <<>>}, Host) when LUser /= <<>> ->
    case ejabberd_sm:get_user_resources(LUser, Host) /= [] orelse ejabberd_auth:user_exists(LUser, Host) of
        true -> undefined;
        false -> <<"item-not-found">>
    end;
refusal(_, _) ->
    <<"bad-request">>.

reply(IQ, undefined) -> ejabberd_router:route(xmpp:make_iq_result(IQ));
reply(IQ, El) -> ejabberd_router:route(xmpp:make_iq_result(IQ, El)).
