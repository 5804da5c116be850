%% In the place of epmd, which would stay behind as a daemon: a node keeps the port on which it listens, and the port of the
%% only other node is put in the same place by who has asked for it.
-module(peer_epmd).
-export([start_link/0, register_node/2, register_node/3, address_please/3, port_please/2, port_please/3,
         listen_port_please/2, names/1]).

start_link() -> ignore.
register_node(Name, Port) -> register_node(Name, Port, inet).
register_node(_, Port, _) ->
    persistent_term:put(?MODULE, Port),
    {ok, rand:uniform(1 bsl 20) + 3}.
address_please(_, _, _) -> {ok, {127, 0, 0, 1}}.
port_please(Name, Host) -> port_please(Name, Host, infinity).
port_please(_, _, _) -> {port, persistent_term:get(?MODULE), 6}.
listen_port_please(_, _) -> {ok, 0}.
names(_) -> {error, address}.
