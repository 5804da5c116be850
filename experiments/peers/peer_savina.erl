%% The programs of the Savina suite in Erlang, as experiments/workloads/savina*.c does them: the same work, the same checks, plain sends
%% and receives. The processes are there before the time runs.
-module(peer_savina).
-export([run/3]).

-define(ROOM, 50). % items of the bounded buffer
-define(BLOCK, 50). % nodes in a row of a block

%% A program gives a function that does the work, and gives the number of messages and a function that checks the answer.
run(Program, Cell, Body) ->
    Number = fun(Key) -> list_to_integer(maps:get(Key, Cell)) end,
    Scale = Number("scale"),
    Work = program(Program, Number("concs"), fun(Amount) -> max(1, Amount * Scale div 100) end, Body),
    {Cpu, _} = statistics(runtime),
    Begin = erlang:monotonic_time(nanosecond),
    {Messages, Check} = Work(),
    Took = erlang:monotonic_time(nanosecond) - Begin,
    {CpuAfter, _} = statistics(runtime),
    Check(),
    [{messages, Messages}, {seconds, Took / 1.0e9}, {latencies, 1}, {histogram, {pairs, [{Took div Messages, Messages}]}},
     {max_ns, Took div Messages}, {cpu_ns, (CpuAfter - Cpu) * 1000000},
     {notes, {texts, ["one run of the whole program; latency is its time divided by its messages"]}}].

must(true, _, _) -> ok;
must(false, Format, Arguments) -> error({fault, io_lib:format(Format, Arguments)}).

nothing() -> ok.

spawn_all(Count, Fun) -> [spawn_link(fun() -> Fun(I) end) || I <- lists:seq(1, Count)].

%% What each of them answers to a question, in order.
ask(Processes, Question) ->
    [begin P ! {Question, self()}, receive {answer, P, Answer} -> Answer end end || P <- Processes].

%% ---- ping-pong, floods, ring ----

program("pingpong", _, Scaled, Body) ->
    Pong = spawn_link(fun pong/0),
    fun() -> Count = Scaled(40000), ping(Pong, 0, Count, Body), {Count, fun nothing/0} end;
program("counting", Workers, Scaled, _) -> flood(Workers, Scaled(1000000));
program("forkjoin", Workers, Scaled, _) -> flood(Workers, Scaled(10000));
program("ring", Workers, Scaled, _) ->
    Self = self(),
    Members = spawn_all(Workers, fun(I) -> receive {next, Next} -> member(Self, I - 1, Next) end end),
    lists:foreach(fun({Member, Next}) -> Member ! {next, Next} end, lists:zip(Members, tl(Members) ++ [hd(Members)])),
    Hops = Scaled(100000),
    fun() ->
        hd(Members) ! {token, Hops},
        receive {arrived, At} -> {Hops, fun() -> must(At =:= Hops rem Workers, "the token ended at ~w", [At]) end} end
    end;

%% ---- chameneos ----

program("chameneos", Workers, Scaled, _) ->
    Self = self(),
    All = spawn_all(Workers, fun(I) -> receive begin_all -> chameneos(Self, I rem 3, 0) end end),
    Meetings = Scaled(200000),
    fun() ->
        [P ! begin_all || P <- All],
        mall(Meetings, none),
        Sum = send_home(Workers, 0),
        {Meetings, fun() -> must(Sum =:= 2 * Meetings, "~w meetings sum to ~w", [Meetings, Sum]) end}
    end;

%% ---- big ----

program("big", Workers, Scaled, _) ->
    Self = self(),
    Pings = Scaled(20000),
    Talkers = spawn_all(Workers, fun(I) ->
        receive {all, All} -> talk_first(Self, I, All, Pings) end end),
    [T ! {all, list_to_tuple(Talkers)} || T <- Talkers],
    fun() ->
        [T ! begin_all || T <- Talkers],
        [receive done -> ok end || _ <- Talkers],
        {Workers * Pings, fun() ->
            Counts = ask(Talkers, counts),
            must(lists:all(fun({_, Pongs}) -> Pongs =:= Pings end, Counts), "a pong is missing", []),
            Came = lists:sum([P || {P, _} <- Counts]),
            must(Came =:= Workers * Pings, "~w pings came", [Came])
        end}
    end;

%% ---- bounded buffer ----

program("buffer", Workers, Scaled, _) ->
    Self = self(),
    Count = Workers div 2,
    Each = Scaled(1000),
    Producers = spawn_all(Count, fun(I) -> produce(Self, I - 1, 0, Each) end),
    Consumers = spawn_all(Workers - Count, fun(_) -> consume(Self) end),
    fun() ->
        [P ! make || P <- Producers],
        Taken = atomics:new(Count * Each, []),
        manage(queue:new(), 0, queue:new(), queue:from_list(Consumers), {Count, Each, Taken}, Count * Each),
        {Count * Each, fun nothing/0}
    end;

%% ---- all pairs' shortest paths ----

program("apsp", Workers, Scaled, _) ->
    Self = self(),
    Side = round(math:sqrt(Workers)),
    Width = Scaled(?BLOCK),
    Graph = graph(Width * Side),
    Blocks = spawn_all(Workers, fun(I) ->
        receive {all, All} ->
            Row = (I - 1) div Side, Column = (I - 1) rem Side,
            Own = [lists:sublist(R, Column * Width + 1, Width) || R <- lists:sublist(Graph, Row * Width + 1, Width)],
            Self ! ready,
            receive begin_all -> rounds(0, Own, {Self, I, Row, Column, Side, Width, neighbours(All, Row, Column, Side)}) end
        end end),
    [B ! {all, list_to_tuple(Blocks)} || B <- Blocks],
    [receive ready -> ok end || _ <- Blocks],
    fun() ->
        [B ! begin_all || B <- Blocks],
        Found = maps:from_list([receive {found, I, Rows} -> {I, Rows} end || _ <- Blocks]),
        {Side * Width * Workers * 2 * (Side - 1), fun() ->
            Whole = lists:append([[lists:append(Parts) || Parts <- across([maps:get(R * Side + C, Found) || C <- lists:seq(1, Side)])]
                                  || R <- lists:seq(0, Side - 1)]),
            must(Whole =:= serial(0, length(Graph), Graph), "the distances are not those of a serial Floyd-Warshall", [])
        end}
    end.

%% ---- their processes ----

pong() -> receive {From, Number, Body} -> From ! {Number, Body}, pong() end.

ping(_, Count, Count, _) -> ok;
ping(Pong, Number, Count, Body) ->
    Pong ! {self(), Number, Body},
    receive
        {Number, Body} -> ping(Pong, Number + 1, Count, Body);
        Other -> must(false, "the answer to ping ~w is another: ~0P", [Number, Other, 8])
    end.

flood(Workers, Each) ->
    Counters = spawn_all(Workers, fun(_) -> counter(0) end),
    fun() ->
        send_rounds(Counters, Each),
        Counts = ask(Counters, count), % queues behind every message
        {Workers * Each, fun() -> must(lists:all(fun(N) -> N =:= Each end, Counts), "a Worker has not counted ~w", [Each]) end}
    end.

send_rounds(_, 0) -> ok;
send_rounds(Counters, Left) ->
    lists:foreach(fun(C) -> C ! add end, Counters),
    send_rounds(Counters, Left - 1).

counter(N) ->
    receive
        add -> counter(N + 1);
        {count, From} -> From ! {answer, self(), N}, counter(N)
    end.

member(Keeper, Index, Next) ->
    receive
        {token, 0} -> Keeper ! {arrived, Index};
        {token, Left} -> Next ! {token, Left - 1}
    end,
    member(Keeper, Index, Next).

chameneos(Mall, Colour, Meetings) ->
    Mall ! {meet, self(), Colour},
    receive
        {meet, Other, Theirs} ->
            New = complement(Colour, Theirs),
            Other ! {change, New},
            chameneos(Mall, New, Meetings + 1);
        {change, New} -> chameneos(Mall, New, Meetings + 1);
        leave -> Mall ! {meetings, Meetings}
    end.

complement(Same, Same) -> Same;
complement(A, B) -> 3 - A - B.

mall(0, none) -> ok;
mall(Left, none) -> receive {meet, Who, _} -> mall(Left, Who) end;
mall(Left, First) -> receive {meet, Who, Colour} -> First ! {meet, Who, Colour}, mall(Left - 1, none) end.

send_home(0, Sum) -> Sum;
send_home(Left, Sum) ->
    receive {meet, Who, _} -> Who ! leave end,
    receive {meetings, Meetings} -> send_home(Left - 1, Sum + Meetings) end.

random(State) -> (1309 * State + 13849) band 65535.

talk_first(Sink, Me, All, Pings) ->
    receive begin_all -> talk_next(Sink, Me, All, Pings, Me, 0, 0) end.

talk_next(Sink, Me, All, Left, State, Came, Pongs) ->
    Next = random(State),
    Drawn = 1 + Next rem (tuple_size(All) - 1),
    Pinged = if Drawn < Me -> Drawn; true -> Drawn + 1 end,
    element(Pinged, All) ! {ping, Me},
    talk(Sink, Me, All, Left, Next, Pinged, Came, Pongs).

talk(Sink, Me, All, Left, State, Pinged, Came, Pongs) ->
    receive
        {ping, From} ->
            element(From, All) ! {pong, Me},
            talk(Sink, Me, All, Left, State, Pinged, Came + 1, Pongs);
        {pong, Pinged} when Left > 1 -> talk_next(Sink, Me, All, Left - 1, State, Came, Pongs + 1);
        {pong, Pinged} -> Sink ! done, talk(Sink, Me, All, 0, State, none, Came, Pongs + 1);
        {counts, From} -> From ! {answer, self(), {Came, Pongs}}, talk(Sink, Me, All, Left, State, Pinged, Came, Pongs);
        Other -> must(false, "~w pinged ~w and got ~0P", [Me, Pinged, Other, 8])
    end.

produce(Manager, Index, Made, Each) ->
    receive
        make when Made < Each -> Manager ! {item, self(), Index, Made}, produce(Manager, Index, Made + 1, Each);
        make -> produce(Manager, Index, Made, Each)
    end.

consume(Manager) ->
    receive {item, Index, Number} -> Manager ! {taken, self(), Index, Number}, consume(Manager) end.

manage(_, _, _, _, _, 0) -> ok;
manage(Items, Count, Producers, Consumers, {ProducerCount, Each, Taken} = Fixed, Left) ->
    receive
        {item, Producer, Index, Number} ->
            {Items2, Count2, Consumers2} =
                case queue:out(Consumers) of
                    {{value, Consumer}, Others} -> Consumer ! {item, Index, Number}, {Items, Count, Others};
                    {empty, _} -> {queue:in({Index, Number}, Items), Count + 1, Consumers}
                end,
            must(Count2 =< ?ROOM, "~w items wait", [Count2]),
            case Count2 + ProducerCount >= ?ROOM of
                true -> manage(Items2, Count2, queue:in(Producer, Producers), Consumers2, Fixed, Left);
                false -> Producer ! make, manage(Items2, Count2, Producers, Consumers2, Fixed, Left)
            end;
        {taken, Consumer, Index, Number} ->
            must(atomics:exchange(Taken, Index * Each + Number + 1, 1) =:= 0, "item ~w of ~w was taken twice", [Number, Index]),
            Producers2 = case queue:out(Producers) of
                             {{value, Producer}, Others} -> Producer ! make, Others;
                             {empty, _} -> Producers
                         end,
            case queue:out(Items) of
                {{value, {I, N}}, Items2} ->
                    Consumer ! {item, I, N},
                    manage(Items2, Count - 1, Producers2, Consumers, Fixed, Left - 1);
                {empty, _} -> manage(Items, Count, Producers2, queue:in(Consumer, Consumers), Fixed, Left - 1)
            end
    end.

%% Weights as savina_apsp.c draws them, row by row.
graph(Nodes) ->
    {Rows, _} = lists:mapfoldl(fun(I, State) ->
        lists:mapfoldl(fun(J, S) when I =:= J -> {0, S};
                          (_, S) -> Next = random(S), {1 + Next rem 100, Next} end, State, lists:seq(1, Nodes))
        end, 1, lists:seq(1, Nodes)),
    Rows.

neighbours(All, Row, Column, Side) ->
    [element(Row * Side + C + 1, All) || C <- lists:seq(0, Side - 1), C =/= Column] ++
    [element(R * Side + Column + 1, All) || R <- lists:seq(0, Side - 1), R =/= Row].

rounds(K, Own, {Sink, I, _, _, Side, Width, _}) when K =:= Side * Width -> Sink ! {found, I, Own};
rounds(K, Own, {_, I, Row, Column, Side, Width, Neighbours} = Fixed) ->
    Packed = << <<D:64>> || R <- Own, D <- R >>, % of this size they are shared by all who get them
    [N ! {block, K, I, Packed} || N <- Neighbours],
    Crossing = K div Width,
    Mine = cross(I, Packed, K, Row, Column, Crossing, Side, Width, {none, none}),
    {Over, Ways} = collect(2 * (Side - 1), K, Row, Column, Crossing, Side, Width, Mine),
    rounds(K + 1, [shorten(R, Way, Over) || {R, Way} <- lists:zip(Own, Ways)], Fixed).

%% Others may be a round ahead: what they send waits.
collect(0, _, _, _, _, _, _, Kept) -> Kept;
collect(Left, K, Row, Column, Crossing, Side, Width, Kept) ->
    receive {block, K, From, Packed} ->
        collect(Left - 1, K, Row, Column, Crossing, Side, Width, cross(From, Packed, K, Row, Column, Crossing, Side, Width, Kept))
    end.

%% Of a block: row K where it lies above or below, column K where it lies beside.
cross(From, Packed, K, Row, Column, Crossing, Side, Width, {Over, Ways}) ->
    R = (From - 1) div Side, C = (From - 1) rem Side, At = K rem Width,
    {if R =:= Crossing, C =:= Column -> [D || <<D:64>> <= binary:part(Packed, At * Width * 8, Width * 8)]; true -> Over end,
     if C =:= Crossing, R =:= Row -> [D || <<Line:(Width * 8)/binary>> <= Packed, <<D:64>> <- [binary:part(Line, At * 8, 8)]];
        true -> Ways end}.

shorten([], _, []) -> [];
shorten([D | Ds], Way, [O | Os]) when Way + O < D -> [Way + O | shorten(Ds, Way, Os)];
shorten([D | Ds], Way, [_ | Os]) -> [D | shorten(Ds, Way, Os)].

across([[] | _]) -> [];
across(Lists) -> [[hd(L) || L <- Lists] | across([tl(L) || L <- Lists])].

serial(Nodes, Nodes, Graph) -> Graph;
serial(K, Nodes, Graph) ->
    Over = lists:nth(K + 1, Graph),
    serial(K + 1, Nodes, [shorten(Row, lists:nth(K + 1, Row), Over) || Row <- Graph]).
