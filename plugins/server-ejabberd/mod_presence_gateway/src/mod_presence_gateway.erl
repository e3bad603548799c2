%% Presence gateway: the calendar's state on the users' own presence, and nobody else's "In a meeting".
%%
%% ../README.md tells administrators how to load it; plugins/server-prosody/README.md tells gateway authors how to talk to it.
%%
%% One process per virtual host owns the overlays and their ends; each client's own process dresses its presence.
-module(mod_presence_gateway).
-behaviour(gen_mod).
-behaviour(gen_server).

-export([start/2, stop/1, reload/3, depends/2, mod_opt_type/1, mod_options/1, mod_doc/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).
-export([component_connected/1, component_disconnected/2, configuration/1, greet/1, set/2, find_stray/2,
         pubsub_publish_item/6, retell/2]).

-include("logger.hrl").
-include("xmpp.hrl").
-include("pubsub.hrl").

-define(ACTIVITY, <<"http://jabber.org/protocol/activity">>).
-define(CLAIM, <<"in_a_meeting">>).
-define(CALL_LIMIT, timer:seconds(30)).
-define(RETELL_DELAY, timer:seconds(3)).

-record(state, {host :: binary(), component :: binary(), grace :: integer(),
                overlays :: ets:tid(),
                instance :: binary(),                 % names this run of overlays
                has_greeted = false :: boolean(),     % a gateway that says hello keeps its overlays here
                settled_at :: integer(),              % from then on, a stored meeting without an overlay is nobody's
                grace_timer :: reference() | undefined}).

%%% What ejabberd asks of a module

start(Host, Opts) ->
    gen_mod:start_child(?MODULE, Host, Opts).

stop(Host) ->
    gen_mod:stop_child(?MODULE, Host).

reload(Host, NewOpts, _OldOpts) ->
    gen_server:call(proc(Host), {reload, NewOpts}, ?CALL_LIMIT).

depends(_Host, _Opts) ->
    [{mod_pubsub, soft}].

mod_opt_type(component) -> econf:domain();
mod_opt_type(grace) -> econf:timeout(second);
mod_opt_type(max_overlay) -> econf:timeout(second);
mod_opt_type(reserved_texts) -> econf:list(econf:binary());
mod_opt_type(guard) -> econf:bool().

mod_options(_Host) ->
    [component, {grace, timer:minutes(5)}, {max_overlay, timer:hours(24)}, {reserved_texts, []}, {guard, true}].

mod_doc() ->
    #{desc => <<"The calendar's state on the users' own presence, ordered by the presence gateway.">>}.

%%% Configuration, at hand for every process

configure(Host, Opts, Tables) ->
    Component = gen_mod:get_opt(component, Opts),
    IsGuarded = gen_mod:get_opt(guard, Opts),
    Reserved = if IsGuarded -> presence_gateway_claims:reserved(gen_mod:get_opt(reserved_texts, Opts)); true -> #{} end,
    persistent_term:put({?MODULE, Host}, Tables#{component => Component, guard => IsGuarded, reserved => Reserved,
                                                 max_overlay => gen_mod:get_opt(max_overlay, Opts) div 1000}),
    presence_gateway_orders:note_gateway(Component),
    Component.

%% `undefined` for a host without this module.
-spec configuration(binary()) -> map() | undefined.
configuration(Host) -> persistent_term:get({?MODULE, Host}, undefined).

proc(Host) -> gen_mod:get_module_proc(Host, ?MODULE).

hooks() ->
    [{presence_gateway_clients, user_send_packet, 10}, % before mod_privilege (50): what it forwards is examined
     {presence_gateway_clients, s2s_receive_packet, 10},
     {presence_gateway_clients, c2s_self_presence, 99},
     {presence_gateway_clients, c2s_handle_info, 10},
     {presence_gateway_clients, c2s_copy_session, 50},
     {presence_gateway_clients, c2s_session_opened, 50},
     {presence_gateway_clients, c2s_terminated, 10}, % before mod_stream_mgmt (50), which stops at resumed sessions
     {presence_gateway_orders, disco_local_features, 50},
     {?MODULE, pubsub_publish_item, 50}].

global_hooks() ->
    [{presence_gateway_orders, filter_packet, 10},
     {?MODULE, component_connected, 50},
     {?MODULE, component_disconnected, 50}].

%%% Asked by the other processes

%% A gateway says hello: the name of this run of overlays, and how many there are.
-spec greet(binary()) -> {binary(), non_neg_integer()}.
greet(Host) -> gen_server:call(proc(Host), greet, ?CALL_LIMIT).

%% Puts these overlays in the place of the users' present ones.
-spec set(binary(), [{binary(), presence_gateway_overlay:overlay() | clear}]) -> ok.
set(Host, Orders) -> gen_server:call(proc(Host), {set, Orders}, ?CALL_LIMIT).

component_connected(Component) -> tell_all({connected, Component}).

component_disconnected(Component, _Reason) -> tell_all({disconnected, Component}).

tell_all(Message) ->
    [gen_server:cast(proc(Host), Message) || Host <- ejabberd_option:hosts(), configuration(Host) /= undefined].

%%% The process of the virtual host

init([Host, Opts]) ->
    process_flag(trap_exit, true),
    Tables = #{overlays => ets:new(?MODULE, [public, {read_concurrency, true}]), % luser -> overlay, its timer
               sessions => ets:new(?MODULE, [public, {write_concurrency, true}]), % pid -> its client's own presence
               untold => ets:new(?MODULE, [public])}, % lusers whose activity changed while they were offline
    Component = configure(Host, Opts, Tables),
    [ejabberd_hooks:add(Hook, Host, Module, Hook, Priority) || {Module, Hook, Priority} <- hooks()],
    [ejabberd_hooks:add(Hook, Module, Hook, Priority) || {Module, Hook, Priority} <- global_hooks()],
    refresh_all(Host), % clients that were here before may show a claim
    Grace = gen_mod:get_opt(grace, Opts),
    erlang:send_after(Grace + 1000, self(), clear_strays),
    {ok, #state{host = Host, component = Component, grace = Grace, overlays = maps:get(overlays, Tables),
                instance = p1_rand:get_string(), settled_at = now_in_ms() + Grace}}.

handle_call({set, Orders}, _From, State) ->
    [put_overlay(LUser, Overlay, State) || {LUser, Overlay} <- Orders],
    {reply, ok, State};
handle_call(greet, _From, #state{instance = Instance, overlays = Overlays} = State) ->
    {reply, {Instance, ets:info(Overlays, size)}, State#state{has_greeted = true}};
handle_call({reload, Opts}, _From, #state{host = Host, component = Old} = State) ->
    presence_gateway_orders:forget_gateway(Old),
    Tables = maps:with([overlays, sessions, untold], configuration(Host)),
    Component = configure(Host, Opts, Tables),
    refresh_all(Host),
    IsSame = Component == Old andalso State#state.has_greeted,
    {reply, ok, State#state{component = Component, has_greeted = IsSame, grace = gen_mod:get_opt(grace, Opts)}}.

handle_cast({connected, Component}, #state{component = Component} = State) ->
    {noreply, (stop_grace(State))#state{has_greeted = false}};
handle_cast({disconnected, Component}, #state{component = Component, grace = Grace} = State) ->
    case is_connected(State) of
        true -> {noreply, State}; % another connection of it has taken its place
        false ->
            Stopped = stop_grace(State),
            Timer = erlang:start_timer(Grace, self(), drop_all),
            {noreply, Stopped#state{has_greeted = false, grace_timer = Timer}}
    end;
handle_cast({clear_stray, LUser}, State) ->
    is_stray(LUser, State) andalso clear_activity(LUser, ?CLAIM, State) andalso
        ?INFO_MSG("Cleared a stored activity 'in a meeting' of ~ts@~ts, of no gateway", [LUser, State#state.host]),
    {noreply, State};
handle_cast(_, State) ->
    {noreply, State}.

handle_info({timeout, Timer, {expired, LUser}}, #state{overlays = Overlays} = State) ->
    case ets:lookup(Overlays, LUser) of
        [{_, #{activity := Activity}, Timer}] ->
            put_overlay(LUser, clear, State),
            erlang:send_after(patience(State), self(), {forget_activity, LUser, Activity});
        _ -> ok % another overlay has taken its place
    end,
    {noreply, State};
handle_info({forget_activity, LUser, Activity}, State) ->
    Activity == <<>> orelse has_activity(LUser, State) orelse clear_activity(LUser, Activity, State),
    {noreply, State};
handle_info({timeout, Timer, drop_all}, #state{grace_timer = Timer, overlays = Overlays} = State) ->
    Dropped = ets:tab2list(Overlays),
    Dropped == [] orelse ?WARNING_MSG("The gateway is gone: ~b overlays end", [length(Dropped)]),
    [begin
         put_overlay(LUser, clear, State),
         self() ! {forget_activity, LUser, Activity}
     end || {LUser, #{activity := Activity}, _} <- Dropped],
    {noreply, State#state{instance = p1_rand:get_string(), grace_timer = undefined}};
handle_info({retell, LUser}, #state{host = Host} = State) ->
    User = jid:make(LUser, Host),
    IsInMeeting = has_activity(LUser, State),
    [publish(User, Id, Payload) || {Id, Payload} <- stored(User), holds(Payload, ?CLAIM) == IsInMeeting],
    % if the gateway has cleared it just between reading and publishing
    IsInMeeting andalso erlang:send_after(?RETELL_DELAY, self(), {forget_activity, LUser, ?CLAIM}),
    {noreply, State};
handle_info(clear_strays, #state{host = Host} = State) ->
    spawn(fun() -> [find_stray(LUser, Host) || LUser <- online_users(Host)] end),
    {noreply, State};
handle_info(_, State) ->
    {noreply, State}.

%% Everybody's own presence comes back.
terminate(_Reason, #state{host = Host, component = Component}) ->
    #{overlays := Overlays, sessions := Sessions} = configuration(Host),
    [ejabberd_hooks:delete(Hook, Host, Module, Hook, Priority) || {Module, Hook, Priority} <- hooks()],
    gen_mod:is_loaded_elsewhere(Host, ?MODULE) orelse
        begin
            [ejabberd_hooks:delete(Hook, Module, Hook, Priority) || {Module, Hook, Priority} <- global_hooks()],
            presence_gateway_orders:forget_gateway(Component)
        end,
    Hidden = [{Pid, Own} || {Pid, #presence{from = #jid{luser = LUser}} = Own} <- ets:tab2list(Sessions),
                            ets:member(Overlays, LUser)],
    persistent_term:erase({?MODULE, Host}),
    spawn(fun() -> [catch ejabberd_c2s:set_presence(Pid, Own) || {Pid, Own} <- Hidden] end),
    ok.

put_overlay(LUser, Overlay, #state{host = Host, overlays = Overlays}) ->
    Before = ets:lookup(Overlays, LUser),
    [erlang:cancel_timer(Timer) || {_, _, Timer} <- Before],
    case Overlay of
        clear -> ets:delete(Overlays, LUser);
        #{until := Until} ->
            Timer = erlang:start_timer(max(0, Until * 1000 - now_in_ms()), self(), {expired, LUser}),
            ets:insert(Overlays, {LUser, Overlay, Timer})
    end,
    {Overlay, Before} == {clear, []} orelse refresh(LUser, Host).

refresh(LUser, Host) ->
    [presence_gateway_clients:refresh(Pid) || {_, Pid} <- ejabberd_sm:get_session_sids(LUser, Host)].

refresh_all(Host) ->
    [refresh(LUser, Host) || LUser <- online_users(Host)].

online_users(Host) ->
    lists:usort([LUser || {LUser, _, _} <- ejabberd_sm:get_vh_session_list(Host)]).

stop_grace(#state{grace_timer = Timer, grace = Grace} = State) ->
    Timer == undefined orelse erlang:cancel_timer(Timer),
    State#state{grace_timer = undefined, settled_at = now_in_ms() + Grace}.

%% To this node or to another one of the cluster.
is_connected(#state{component = Component}) -> ejabberd_router:is_my_route(Component).

%% The gateway clears the activity it has published; when it is away, or hangs, the server does.
patience(#state{grace = Grace} = State) ->
    case is_connected(State) of
        true -> min(timer:minutes(1), Grace);
        false -> 0
    end.

has_activity(LUser, #state{overlays = Overlays}) ->
    case ets:lookup(Overlays, LUser) of
        [{_, #{activity := Activity}, _}] -> Activity /= <<>>;
        [] -> false
    end.

now_in_ms() -> erlang:system_time(millisecond).

%%% The activity in PEP (XEP-0108): found and cleared on the user's behalf when the gateway cannot

%% Publishes "no activity" where the stored item holds this specific activity; true if it did.
clear_activity(LUser, Activity, #state{host = Host}) ->
    User = jid:make(LUser, Host),
    % XEP-0108 section 2: an empty <activity/> tells that the user has stopped publishing activities
    Empty = #xmlel{name = <<"activity">>, attrs = [{<<"xmlns">>, ?ACTIVITY}]},
    Ids = [Id || {Id, Payload} <- stored(User), holds(Payload, Activity)],
    [publish(User, Id, [Empty]) || Id <- Ids],
    Ids /= [].

publish(#jid{lserver = Host} = User, Id, Payload) ->
    mod_pubsub:publish_item(jid:tolower(User), Host, ?ACTIVITY, User, Id, Payload).

%% The ids and payloads of the stored items; none where PEP is off.
stored(#jid{lserver = Host} = User) ->
    Items = gen_mod:is_loaded(Host, mod_pubsub) andalso mod_pubsub:get_items(jid:tolower(User), ?ACTIVITY),
    [{Id, Payload} || is_list(Items), #pubsub_item{itemid = {Id, _}, payload = Payload} <- Items].

holds(Payload, Activity) ->
    lists:any(fun(El) -> presence_gateway_claims:contains(El, Activity) end, Payload).

%% ejabberd sends events of users who are online only; whose contacts have not heard of a change is remembered here.
pubsub_publish_item(Host, ?ACTIVITY, _Publisher, #jid{luser = LUser}, _Id, _Payload) when LUser /= <<>> ->
    case configuration(Host) of
        #{untold := Untold} -> ejabberd_sm:get_user_resources(LUser, Host) /= [] orelse ets:insert(Untold, {LUser});
        undefined -> ok
    end;
pubsub_publish_item(_, _, _, _, _, _) ->
    ok.

%% The user is online again: contacts who were there before hear of the present activity. By then their clients are known.
-spec retell(binary(), binary()) -> any().
retell(Host, LUser) -> erlang:send_after(?RETELL_DELAY, proc(Host), {retell, LUser}).

%% Clears a claim that was stored before the guard was here, or that a gateway left which does not come back.
find_stray(LUser, Host) ->
    lists:any(fun({_, Payload}) -> holds(Payload, ?CLAIM) end, stored(jid:make(LUser, Host)))
        andalso gen_server:cast(proc(Host), {clear_stray, LUser}).

is_stray(LUser, #state{settled_at = SettledAt, has_greeted = HasGreeted} = State) ->
    now_in_ms() >= SettledAt andalso (HasGreeted orelse not is_connected(State)) andalso not has_activity(LUser, State).
