%% What happens in the process of a client (ejabberd_c2s): its words are examined, its presence is dressed.
-module(presence_gateway_clients).

-export([refresh/1]).
-export([user_send_packet/1, s2s_receive_packet/1, c2s_self_presence/1, c2s_handle_info/2, c2s_copy_session/2,
         c2s_session_opened/1, c2s_terminated/2]).

-include("logger.hrl").
-include("xmpp.hrl").

%% In the state of the process: what the client said, while another presence stands in its place.
-define(OWN, presence_gateway_own).

%% Lets the client's process broadcast what the user's contacts should see now, if they see something else.
-spec refresh(pid()) -> any().
refresh(Pid) -> Pid ! {?MODULE, refresh}.

user_send_packet({#presence{} = Presence, #{lserver := Host} = C2S} = Sent) ->
    case mod_presence_gateway:configuration(Host) of
        #{reserved := Reserved} ->
            {Examined, WasClaim} = presence_gateway_claims:strip(Presence, Reserved),
            WasClaim andalso
                ?INFO_MSG("Removed the status text 'in a meeting' that ~ts tried to show", [sender(Presence)]),
            {Examined, C2S};
        _ -> Sent
    end;
user_send_packet({#iq{} = IQ, #{lserver := Host} = C2S} = Sent) ->
    guard_activity(IQ, C2S, mod_presence_gateway:configuration(Host), Sent);
user_send_packet(Sent) ->
    Sent.

%% A contact on another server whom the owner lets publish is no gateway either.
s2s_receive_packet({#iq{to = #jid{lserver = Host}} = IQ, S2S} = Received) ->
    guard_activity(IQ, S2S, mod_presence_gateway:configuration(Host), Received);
s2s_receive_packet(Received) ->
    Received.

guard_activity(IQ, State, #{guard := true, reserved := Reserved}, Unchanged) ->
    case presence_gateway_claims:is_publish_claim(IQ, Reserved) of
        true ->
            ?INFO_MSG("Refused the activity 'in a meeting' that ~ts tried to publish", [sender(IQ)]),
            Text = <<"'In a meeting' is set from the calendar only">>,
            % without the payload: ejabberd's encoder cannot bear thousands of elements in each other
            ejabberd_router:route_error(IQ#iq{sub_els = []}, xmpp:err_not_allowed(Text, xmpp:get_lang(IQ))),
            {stop, {drop, State}};
        false -> Unchanged
    end;
guard_activity(_, _, _, Unchanged) ->
    Unchanged.

sender(Stanza) -> jid:encode(jid:remove_resource(xmpp:get_from(Stanza))).

%% What is returned is stored and broadcast. `Presence` is the client's newest word, or what was stored and is sent again.
c2s_self_presence({#presence{type = available} = Presence, #{lserver := Host} = C2S} = Said) ->
    case mod_presence_gateway:configuration(Host) of
        #{} = Configuration ->
            Own = own(Presence, C2S, Configuration),
            note_own(Own, Configuration),
            is_map_key(pres_last, C2S) orelse come_online(C2S, Configuration),
            case find_overlay(C2S, Configuration) of
                undefined -> {Own, maps:remove(?OWN, C2S)};
                Overlay -> {presence_gateway_overlay:dress(Own, Overlay), C2S#{?OWN => Own}}
            end;
        undefined -> Said
    end;
c2s_self_presence({#presence{type = unavailable}, #{lserver := Host} = C2S} = Said) ->
    forget_own(mod_presence_gateway:configuration(Host)),
    setelement(2, Said, maps:remove(?OWN, C2S));
c2s_self_presence(Said) ->
    Said.

c2s_handle_info(#{lserver := Host} = C2S, {?MODULE, refresh}) ->
    case {C2S, mod_presence_gateway:configuration(Host)} of
        {#{pres_last := Shown}, #{} = Configuration} ->
            Own = own(Shown, C2S, Configuration),
            note_own(Own, Configuration),
            Wanted = case find_overlay(C2S, Configuration) of
                         undefined -> Own;
                         Overlay -> presence_gateway_overlay:dress(Own, Overlay)
                     end,
            presence_gateway_overlay:look(Wanted) == presence_gateway_overlay:look(Shown)
                orelse ejabberd_c2s:resend_presence(self());
        _ -> ok % offline
    end,
    {stop, C2S};
c2s_handle_info(C2S, _) ->
    C2S.

%% XEP-0198: the session goes on in another process.
c2s_copy_session(#{lserver := Host} = C2S, #{pres_last := Shown} = Old) ->
    case mod_presence_gateway:configuration(Host) of
        #{} = Configuration ->
            note_own(own(Shown, Old, Configuration), Configuration),
            maps:merge(C2S, maps:with([?OWN], Old));
        undefined -> C2S
    end;
c2s_copy_session(C2S, _) ->
    C2S.

c2s_session_opened(#{lserver := Host, jid := #jid{luser = LUser}} = C2S) ->
    case mod_presence_gateway:configuration(Host) of
        #{guard := true} -> spawn(fun() -> mod_presence_gateway:find_stray(LUser, Host) end);
        _ -> ok
    end,
    C2S.

c2s_terminated(#{lserver := Host} = C2S, _Reason) ->
    forget_own(mod_presence_gateway:configuration(Host)),
    C2S.

%% What the client said last. Without what the module would never have let pass: the client may be older than it.
own(Shown, C2S, #{reserved := Reserved}) ->
    case {presence_gateway_overlay:is_overlaid(Shown), C2S} of
        {true, #{?OWN := Own}} -> Own;
        _ -> element(1, presence_gateway_claims:strip(Shown, Reserved))
    end.

find_overlay(#{jid := #jid{luser = LUser}}, #{overlays := Overlays}) ->
    case ets:lookup(Overlays, LUser) of
        [{_, Overlay, _}] -> Overlay;
        [] -> undefined
    end.

%% ejabberd tells those contacts of an activity who come while the user is online, or are there when it is published.
come_online(#{lserver := Host, jid := #jid{luser = LUser}} = C2S, #{untold := Untold} = Configuration) ->
    IsInMeeting = case find_overlay(C2S, Configuration) of
                      #{activity := Activity} -> Activity /= <<>>;
                      undefined -> false
                  end,
    (ets:take(Untold, LUser) /= [] orelse IsInMeeting) andalso mod_presence_gateway:retell(Host, LUser).

note_own(Own, #{sessions := Sessions}) -> ets:insert(Sessions, {self(), Own}).

forget_own(#{sessions := Sessions}) -> ets:delete(Sessions, self());
forget_own(undefined) -> true.
