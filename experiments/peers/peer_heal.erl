%% workload=heal of Erlang: OTP's supervisor starts a server again whose port program was killed. The server is called by its registered
%% name, and asks its program (cat), which is what answers.
-module(peer_heal).
-behaviour(gen_server).
-export([start/0, kill_once/2, init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(REST_MS, 5). % between an answer and the next kill, as in workloads/heal.c
-define(PATIENCE_MS, 60000).

%% Gives who kills: a shell that waits for numbers of processes, since Erlang sends no signals.
start() ->
    logger:set_primary_config(level, none), % each death is a report
    {ok, _} = supervisor:start_link(?MODULE, supervisor),
    open_port({spawn_executable, "/bin/sh"}, [{args, ["-c", "while read process; do kill -9 $process; done"]}, binary]).

init(supervisor) ->
    {ok, {#{strategy => one_for_one, intensity => 1000000, period => 1}, % OTP has no wait between restarts
          [#{id => server, start => {gen_server, start_link, [{local, ?MODULE}, ?MODULE, server, []]}}]}};
init(server) ->
    {ok, open_port({spawn_executable, "/bin/cat"}, [{packet, 4}, binary, exit_status])}.

%% Number → {number, process that answered}.
handle_call({echo, Number}, _, Port) ->
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    port_command(Port, <<Number:64>>),
    receive
        {Port, {data, <<Answer:64>>}} -> {reply, {Answer, Pid}, Port};
        {Port, {exit_status, Status}} -> exit({its_program_has_ended, Status})
    end.

handle_cast(_, Port) -> {noreply, Port}.

handle_info({Port, {exit_status, Status}}, Port) -> {stop, {its_program_has_ended, Status}, Port}.

%% The time from the kill to the first answer of the next program, in nanoseconds.
kill_once(Number, Killer) ->
    {Number, Old} = gen_server:call(?MODULE, {echo, Number}, ?PATIENCE_MS),
    timer:sleep(?REST_MS),
    Begin = erlang:monotonic_time(nanosecond),
    port_command(Killer, [integer_to_list(Old), "\n"]),
    await(Number, Old),
    erlang:monotonic_time(nanosecond) - Begin.

%% Who is called while there is no server, or when it ends, asks again at once.
await(Number, Old) ->
    try gen_server:call(?MODULE, {echo, Number}, ?PATIENCE_MS) of
        {Number, Old} -> await(Number, Old);
        {Number, _} -> ok
    catch
        exit:{timeout, _} -> error({fault, "the server does not come back"});
        exit:_ -> erlang:yield(), await(Number, Old)
    end.
