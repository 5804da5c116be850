%% The peer program of Erlang; experiments/cell/peers.h tells how it is called and what it prints.
-module(peer_erlang).
-export([start/0, echo/0]).

-record(trial, {warmup, min_count, min_ns, max_ns, body, width, histogram, next = 0, messages = 0, total = 0,
                begin_ns = 0, longest}).

-define(BURST, 1000). % messages between two answers of the counting process; two bursts are under way

start() ->
    Answer = try init:get_plain_arguments() of
                 ["--version"] -> [{version, version()}];
                 Arguments -> run(maps:from_list([pair(A) || A <- Arguments]))
             catch
                 _:{fault, Text} -> [{error, Text}];
                 Class:Reason -> [{error, io_lib:format("~p: ~0p", [Class, Reason])}]
             end,
    io:put_chars(["{", lists:join(", ", [[$", atom_to_list(K), "\": ", json(V)] || {K, V} <- Answer]), "}\n"]),
    halt(case Answer of [{error, _}] -> 1; _ -> 0 end).

pair(Argument) ->
    [Key | Value] = string:split(Argument, "="),
    {Key, lists:append(Value)}.

json(Number) when is_number(Number) -> io_lib:format("~w", [Number]);
json({pairs, Pairs}) -> ["[", lists:join(", ", [io_lib:format("[~w, ~w]", [A, B]) || {A, B} <- Pairs]), "]"];
json({texts, Texts}) -> ["[", lists:join(", ", [json(T) || T <- Texts]), "]"];
json(Text) -> [$", [C || C <- lists:flatten(Text), C >= 32, C =/= $", C =/= $\\], $"].

version() -> ["Erlang/OTP ", erlang:system_info(otp_release), ", erts ", erlang:system_info(version)].

run(Cell) ->
    Number = fun(Key) -> list_to_integer(maps:get(Key, Cell)) end,
    "bytes:" ++ Bytes = maps:get("payload", Cell),
    T = #trial{warmup = Number("warmup_count"), min_count = Number("min_count"), min_ns = Number("min_ms") * 1000000,
               max_ns = Number("max_ms") * 1000000, body = content(list_to_integer(Bytes), Number("seed")),
               width = Number("concs"), histogram = counters:new(32 * 1024, []), longest = counters:new(1, [])},
    Measured = case {maps:get("workload", Cell), Number("envs")} of
                   {"echo", 1} -> echo_here(T);
                   {"echo", 2} -> echo_there(T, Cell);
                   {"count", 1} -> count(T);
                   {"fanout", 1} -> fanout(T);
                   {"ring", 1} -> ring(T);
                   {"spawn", 1} -> spawn_many(T);
                   {"heal", 1} -> heal(T);
                   {"savina-" ++ Program, 1} ->
                       peer_savina:run(Program, Cell, T#trial.body) ++ [{peak_rss_bytes, proc("status", "VmHWM:") * 1024}]
               end,
    [{version, version()}, {size_bytes, byte_size(T#trial.body)} | Measured].

content(Bytes, Seed) ->
    {Content, _} = rand:bytes_s(Bytes, rand:seed_s(exsss, Seed)),
    Content.

now_ns() -> erlang:monotonic_time(nanosecond).

%% ---- the timed section ----

%% Step takes and gives {trial, ns that it took}; a step is Weight messages in the histogram.
measure(T, Step, PerStep, Nodes) ->
    Warm = warm(T, Step, PerStep, now_ns() + T#trial.max_ns),
    Before = cpu_ns(Nodes),
    Done = go_on(Warm#trial{messages = 0, begin_ns = now_ns()}, Step, PerStep),
    result(Done, PerStep, cpu_ns(Nodes) - Before).

warm(#trial{next = Next, warmup = Count} = T, _, _, _) when Next >= Count, Next > 0 -> T;
warm(T, Step, PerStep, End) ->
    {Took, T1} = Step(T),
    T2 = T1#trial{next = T1#trial.next + PerStep},
    case Took >= 0 andalso now_ns() >= End of
        true -> T2;
        false -> warm(T2, Step, PerStep, End)
    end.

go_on(T, Step, PerStep) ->
    {Took, T1} = Step(T),
    record(T1, Took, PerStep),
    T2 = T1#trial{next = T1#trial.next + PerStep, messages = T1#trial.messages + PerStep,
                  total = T1#trial.total + Took},
    Passed = now_ns() - T2#trial.begin_ns,
    case Passed >= T2#trial.max_ns orelse
         (T2#trial.messages >= T2#trial.min_count andalso Passed >= T2#trial.min_ns) of
        true -> T2;
        false -> go_on(T2, Step, PerStep)
    end.

%% Buckets as in experiments/measure/histogram.c: 2048 values one by one, above that 1024 to each power of two.
record(#trial{histogram = Histogram, longest = Longest}, Took, _) ->
    Shift = shift(Took, 0),
    counters:add(Histogram, Shift * 1024 + (Took bsr Shift) + 1, 1),
    Took > counters:get(Longest, 1) andalso counters:put(Longest, 1, Took).

shift(Value, Shift) when Value bsr Shift < 2048 -> Shift;
shift(Value, Shift) -> shift(Value, Shift + 1).

buckets(#trial{histogram = Histogram}, Divide, Weight) ->
    Low = fun(I) when I < 2048 -> I;
             (I) -> Shift = I div 1024 - 1, (I - Shift * 1024) bsl Shift
          end,
    [{Low(I) div Divide, counters:get(Histogram, I + 1) * Weight}
     || I <- lists:seq(0, 32 * 1024 - 1), counters:get(Histogram, I + 1) > 0].

result(T, PerStep, Cpu) ->
    [{messages, T#trial.messages}, {latencies, T#trial.messages div PerStep}, {seconds, T#trial.total / 1.0e9}, {histogram, {pairs, buckets(T, 1, 1)}},
     {max_ns, counters:get(T#trial.longest, 1)}, {cpu_ns, Cpu}, {peak_rss_bytes, proc("status", "VmHWM:") * 1024}].

%% A step is a batch, and a message's latency the batch's time divided by its messages.
shared(Measured, T, Batch) ->
    lists:keystore(max_ns, 1, lists:keystore(histogram, 1, Measured, {histogram, {pairs, buckets(T, Batch, Batch)}}),
                   {max_ns, counters:get(T#trial.longest, 1) div Batch}).

cpu_ns(Nodes) ->
    {Here, _} = statistics(runtime),
    lists:sum([Here | [element(1, peer:call(Node, erlang, statistics, [runtime])) || Node <- Nodes]]) * 1000000.

proc(File, Key) ->
    {ok, Text} = file:read_file("/proc/self/" ++ File),
    [Line] = [L || L <- string:split(binary_to_list(Text), "\n", all), lists:prefix(Key, L)],
    list_to_integer(hd(string:tokens(lists:nthtail(length(Key), Line), "\t k"))).

fault(Format, Arguments) -> error({fault, io_lib:format(Format, Arguments)}).

%% ---- ping-pong, the parts of a fan-out ----

echo() ->
    receive
        {From, Number, Body} -> From ! {Number, Body}, echo();
        stop -> ok
    end.

trip(#trial{next = Number, body = Body} = T, Server) ->
    Begin = now_ns(),
    Server ! {self(), Number, Body},
    receive
        {Number, Body} -> {now_ns() - Begin, T};
        Other -> fault("the answer to message ~w is another: ~0P", [Number, Other, 8])
    end.

echo_here(T) ->
    Server = spawn_link(fun echo/0),
    measure(T, fun(Trial) -> trip(Trial, Server) end, 1, []).

%% A second node, whose life is tied to this one's. Both talk over loopback TCP; peer_epmd takes the place of
%% epmd. The module `peer`, which starts nodes, is Erlang's own.
echo_there(T, Cell) ->
    erlang:set_cookie(list_to_atom(integer_to_list(rand:uniform(1 bsl 60)))),
    Cpu = lists:last(string:tokens(maps:get("cpus", Cell), ",")),
    {Program, First} = case maps:get("placement", Cell) of
                           "unpinned" -> {"erl", []};
                           _ -> {"taskset", ["-c", Cpu, "erl"]}
                       end,
    {ok, Control, Node} =
        peer:start_link(#{name => there, host => "127.0.0.1", connection => standard_io,
                          exec => {os:find_executable(Program), First},
                          args => ["-setcookie", atom_to_list(erlang:get_cookie()) | emulator_flags()]}),
    persistent_term:put(peer_epmd, peer:call(Control, persistent_term, get, [peer_epmd])),
    net_kernel:connect_node(Node) orelse fault("the second node cannot be reached", []),
    Server = spawn_link(Node, ?MODULE, echo, []),
    Measured = measure(T, fun(Trial) -> trip(Trial, Server) end, 1, [Control]),
    peer:stop(Control),
    Measured.

%% The wrapper has put what both nodes are to have into one variable.
emulator_flags() -> string:tokens(os:getenv("PEER_ERLANG_FLAGS"), " ").

fanout(#trial{width = Width} = T) ->
    Servers = [spawn_link(fun echo/0) || _ <- lists:seq(1, Width)],
    Note = {notes, {texts, ["latency is of a round: from the first request to the last reply"]}},
    [Note | measure(T, fun(Trial) -> round_of(Trial, Servers) end, Width, [])].

round_of(#trial{next = Next, body = Body} = T, Servers) ->
    Self = self(),
    Begin = now_ns(),
    lists:foldl(fun(Server, Number) -> Server ! {Self, Number, Body}, Number + 1 end, Next, Servers),
    Seen = gather(length(Servers), Body, 0),
    Took = now_ns() - Begin,
    Count = length(Servers),
    Seen =:= Count * Next + Count * (Count - 1) div 2 orelse fault("the replies to round ~w are not its own", [Next]),
    {Took, T}.

gather(0, _, Sum) -> Sum;
gather(Left, Body, Sum) ->
    receive
        {Number, Body} -> gather(Left - 1, Body, Sum + Number);
        Other -> fault("a reply is another: ~0P", [Other, 8])
    end.

%% ---- one way to a process that counts ----

count(#trial{body = Body} = T) ->
    Self = self(),
    Counter = spawn_link(fun() -> counting(Self, 0) end),
    burst(Counter, 0, Body),
    Wide = T#trial{warmup = max(T#trial.warmup, ?BURST), next = 0},
    Send = fun(Trial) -> send_burst(Trial, Counter) end,
    Measured = measure(Wide, Send, ?BURST, []),
    Measured2 = shared(Measured, Wide, ?BURST),
    await_count(?BURST + proplists:get_value(messages, Measured) + warmed(Wide)),
    Note = "latency is a message's share of the time for 1000; two such bursts are under way at most",
    [{notes, {texts, [Note]}} | Measured2].

warmed(#trial{warmup = Count}) -> (Count + ?BURST - 1) div ?BURST * ?BURST.

%% Sends burst number k + 1, then waits until burst k is counted.
send_burst(#trial{next = Next, body = Body} = T, Counter) ->
    Begin = now_ns(),
    burst(Counter, Next + ?BURST, Body),
    await_count(Next + ?BURST),
    {now_ns() - Begin, T}.

burst(Counter, First, Body) -> burst(Counter, First, First + ?BURST, Body).

burst(_, End, End, _) -> ok;
burst(Counter, Number, End, Body) ->
    Counter ! {Number, Body},
    burst(Counter, Number + 1, End, Body).

await_count(Expected) ->
    receive
        {counted, Expected} -> ok;
        Other -> fault("~w messages were sent, and the counter says ~0P", [Expected, Other, 8])
    after 30000 -> fault("the counter has not counted message ~w within 30 s: it is lost", [Expected])
    end.

%% Only the number is looked at, as our own counting Conc does.
counting(Sender, Number) ->
    receive
        {Number, _} when (Number + 1) rem ?BURST =:= 0 ->
            Sender ! {counted, Number + 1},
            counting(Sender, Number + 1);
        {Number, _} -> counting(Sender, Number + 1);
        Other -> Sender ! {another, Other}
    end.

%% ---- a ring ----

ring(#trial{width = Width, body = Body} = T) ->
    Self = self(),
    First = lists:foldl(fun(Index, Next) -> spawn_link(fun() -> station(Self, Next, Index, Width, Body) end) end,
                        Self, lists:seq(Width - 1, 1, -1)),
    Measured = measure(T, fun(Trial) -> lap(Trial, First) end, Width, []),
    Note = "a message is one hop; latency is a lap's time divided by its hops",
    [{notes, {texts, [Note]}} | shared(Measured, T, Width)].

lap(#trial{next = Next, width = Width, body = Body} = T, First) ->
    Begin = now_ns(),
    First ! {Next + 1, Body},
    Last = Next + Width,
    receive
        {Last, Body} -> {now_ns() - Begin, T};
        Other -> fault("the token is another at hop ~w: ~0P", [Last, Other, 8])
    end.

station(Keeper, Next, Hop, Width, Body) ->
    receive
        {Hop, Body} -> Next ! {Hop + 1, Body}, station(Keeper, Next, Hop + Width, Width, Body);
        Other -> Keeper ! {another, Other}
    end.

%% ---- many processes ----

spawn_many(#trial{width = Width} = T) ->
    Self = self(),
    %% The list of all must not be collected again and again, as it grows, in the time that is taken.
    spawn_opt(fun() -> Self ! create(Width) end, [link, {min_heap_size, 4 * Width + 1000}]),
    {Took, Bytes, Sum} = receive Created -> Created end,
    Sum =:= Width * (Width + 1) div 2 orelse fault("of ~w processes not all answered", [Width]),
    record(T, Took div Width, 1),
    [{messages, Width}, {seconds, Took / 1.0e9}, {histogram, {pairs, buckets(T, 1, Width)}}, {max_ns, Took div Width},
     {bytes_each, Bytes div Width}, {peak_rss_bytes, proc("status", "VmHWM:") * 1024},
     {notes, {texts, ["a message is the creation of a process; bytes_each is the growth of resident memory"]}}].

create(Width) ->
    Before = proc("status", "VmRSS:"),
    Begin = now_ns(),
    Processes = create(Width, []),
    Took = now_ns() - Begin,
    Bytes = (proc("status", "VmRSS:") - Before) * 1024,
    lists:foldl(fun(Process, Index) -> Process ! {self(), Index}, Index + 1 end, 1, Processes),
    {Took, Bytes, answers(Width, 0)}.

create(0, Processes) -> Processes;
create(Left, Processes) -> create(Left - 1, [spawn(fun idle/0) | Processes]).

idle() ->
    receive {From, Number} -> From ! {alive, Number} end.

answers(0, Sum) -> Sum;
answers(Left, Sum) ->
    receive {alive, Number} -> answers(Left - 1, Sum + Number)
    after 30000 -> fault("~w processes do not answer", [Left])
    end.

%% ---- a port program that is killed ----

heal(T) ->
    Killer = peer_heal:start(),
    Note = "a message is one kill; latency is from the order to kill, which a shell carries out, to the first answer of the next program",
    [{notes, {texts, [Note]}} | measure(T, fun(Trial) -> {peer_heal:kill_once(Trial#trial.next, Killer), Trial} end, 1, [])].
