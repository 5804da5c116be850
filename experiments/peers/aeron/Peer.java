import io.aeron.Aeron;
import io.aeron.FragmentAssembler;
import io.aeron.Publication;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.logbuffer.FragmentHandler;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.BusySpinIdleStrategy;
import org.agrona.concurrent.IdleStrategy;
import org.agrona.concurrent.SleepingIdleStrategy;
import org.agrona.concurrent.SleepingMillisIdleStrategy;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * The peer program of Aeron IPC: two processes, a publication each way. The first holds the media driver, which makes
 * the buffers and tells senders how far they may go; it looks every 100 µs, and the buffers hold more than is sent
 * meanwhile, so that it takes little of the two processors. experiments/cell/peers.h tells how it is called and what it prints.
 */
public final class Peer {
    private static final long STOP = -1; // the other process ends
    private static final long SETTLE = -2; // it tells how many messages it has seen, or a fault
    private static final int THERE = 10;
    private static final int BACK = 11;
    private static final int CHUNK_MAX = 64; // sends between two looks at the clock
    private static final int FULL_CHECK_EVERY = 64;
    private static final long PATIENCE_NS = TimeUnit.SECONDS.toNanos(20);
    private static final long COMPILE_NS = TimeUnit.MILLISECONDS.toNanos(1500); // of warm-up, for Java's compiler

    private final Map<String, String> cell;
    private final int size;
    private final UnsafeBuffer message;
    private final UnsafeBuffer content; // of the message, without its number
    private final UnsafeBuffer received = new UnsafeBuffer(0, 0);
    private final IdleStrategy idle;
    private Publication publication;
    private Subscription subscription;
    private long number; // of the message that came last
    private boolean whole; // its content is that of ours
    private boolean came;
    private boolean compare;

    private final FragmentAssembler handler = new FragmentAssembler((FragmentHandler) (buffer, offset, length, header) -> {
        number = buffer.getLong(offset);
        whole = length == size() && (!compare || same(buffer, offset));
        came = true;
    });

    private Peer(Map<String, String> cell) {
        this.cell = cell;
        size = Integer.parseInt(cell.get("payload").substring("bytes:".length()));
        idle = cell.get("wake").equals("spin") ? new BusySpinIdleStrategy() : new BackoffIdleStrategy();
        message = new UnsafeBuffer(ByteBuffer.allocateDirect(size));
        long state = Long.parseLong(cell.get("seed"));
        for (int i = 0; i < size; i++) {
            state = state * 6364136223846793005L + 1442695040888963407L;
            message.putByte(i, (byte) (state >> 56));
        }
        content = new UnsafeBuffer(message, Long.BYTES, size - Long.BYTES);
    }

    private int size() {
        return size;
    }

    private boolean same(DirectBuffer buffer, int offset) {
        received.wrap(buffer, offset + Long.BYTES, size - Long.BYTES);
        return received.equals(content);
    }

    private void open(Aeron aeron, int out, int in) {
        int term = Math.max(16 << 20, Integer.highestOneBit(size) * 32);
        String channel = "aeron:ipc?term-length=" + term + "|mtu=" + Math.min(65504, Math.max(1408, align(size + 32)));
        publication = aeron.addExclusivePublication(channel, out);
        subscription = aeron.addSubscription(channel, in);
        long end = System.nanoTime() + PATIENCE_NS;
        while (!publication.isConnected() || !subscription.isConnected()) {
            if (System.nanoTime() > end) {
                throw new IllegalStateException("the other process does not come");
            }
            Thread.yield();
        }
    }

    private static int align(int bytes) {
        return (bytes + 31) / 32 * 32;
    }

    private void send(long messageNumber) {
        message.putLong(0, messageNumber);
        long begin = 0;
        while (publication.offer(message, 0, size) < 0) {
            idle.idle();
            begin = patience(begin, "the other process takes no message");
        }
        idle.reset();
    }

    private void receive(boolean compareContent) {
        compare = compareContent;
        came = false;
        long begin = 0;
        while (!came) {
            int work = subscription.poll(handler, 1);
            idle.idle(work);
            if (work == 0) {
                begin = patience(begin, "a message did not come: it is lost");
            }
        }
    }

    private int turns;

    private long patience(long begin, String what) {
        if (++turns % 1024 != 0) {
            return begin;
        }
        long now = System.nanoTime();
        if (begin != 0 && now - begin > PATIENCE_NS) {
            throw new IllegalStateException(what);
        }
        return begin == 0 ? now : begin;
    }

    private void echo() {
        for (receive(false); number != STOP; receive(false)) {
            send(number);
        }
    }

    private long count;
    private boolean good = true;
    private boolean settling;

    private void take(DirectBuffer buffer, int offset, int length) {
        number = buffer.getLong(offset);
        settling = number == SETTLE;
        if (number >= 0) {
            good = good && number == count && length == size && (count % FULL_CHECK_EVERY != 0 || same(buffer, offset));
            count++;
        }
    }

    private void count() {
        FragmentAssembler counter = new FragmentAssembler((buffer, offset, length, header) -> take(buffer, offset, length));
        long begin = 0;
        while (number != STOP) {
            int work = subscription.poll(counter, 256);
            idle.idle(work);
            begin = work == 0 ? patience(begin, "a message did not come: it is lost") : 0;
            if (settling) {
                settling = false;
                send(good ? count : STOP);
            }
        }
    }

    // ---- the measuring side ----

    private final TreeMap<Long, Long> buckets = new TreeMap<>();
    private long next;
    private long messages;
    private long totalNs;
    private long longestNs;

    private long limit(String key) {
        return Long.parseLong(cell.get(key));
    }

    private void record(long tookNs, long weight) {
        int shift = Math.max(0, 64 - Long.numberOfLeadingZeros(tookNs) - 11); // as in experiments/measure/histogram.c
        buckets.merge(tookNs >> shift << shift, weight, Long::sum);
        longestNs = Math.max(longestNs, tookNs);
        messages += weight;
    }

    private boolean enough(long begin) {
        long passed = System.nanoTime() - begin;
        return messages > 0 && (passed >= limit("max_ms") * 1000000
            || (messages >= limit("min_count") && passed >= limit("min_ms") * 1000000));
    }

    private void trip(boolean timed) {
        long begin = System.nanoTime();
        send(next);
        receive(next % FULL_CHECK_EVERY == 0);
        long took = System.nanoTime() - begin;
        if (number != next || !whole) {
            throw new IllegalStateException("the answer to message " + next + " is another");
        }
        next++;
        if (timed) {
            record(took, 1);
            totalNs += took;
        }
    }

    private void settle() {
        send(SETTLE);
        receive(false);
        if (number != next) {
            throw new IllegalStateException(next + " messages were sent, and not all came, once, in order and whole");
        }
    }

    private void chunk(long count, boolean timed) {
        long begin = System.nanoTime();
        for (long i = 0; i < count; i++) {
            send(next++);
        }
        if (timed) {
            record((System.nanoTime() - begin) / count, count);
        }
    }

    private String measure() {
        boolean echo = cell.get("workload").equals("echo");
        long chunk = Math.max(1, Math.min(CHUNK_MAX, (1 << 20) / size));
        Runnable warm = echo ? () -> trip(false) : () -> chunk(chunk, false);
        Runnable step = echo ? () -> trip(true) : () -> chunk(chunk, true);
        for (long begin = System.nanoTime(); System.nanoTime() - begin < COMPILE_NS;) {
            warm.run();
        }
        if (!echo) {
            settle();
        }
        long begin = System.nanoTime();
        while (!enough(begin)) {
            step.run();
        }
        if (!echo) {
            settle();
            totalNs = System.nanoTime() - begin;
        }
        send(STOP);
        List<String> pairs = new ArrayList<>();
        buckets.forEach((low, count) -> pairs.add("[" + low + ", " + count + "]"));
        return "{\"version\": \"" + version() + "\", \"messages\": " + messages + ", \"seconds\": " + totalNs / 1e9
            + ", \"max_ns\": " + longestNs + ", \"size_bytes\": " + size + ", \"notes\": [\"warm-up is 1.5 s, for Java's "
            + "compiler\"], \"histogram\": [" + String.join(", ", pairs) + "]}";
    }

    private static String version() {
        return "Aeron " + io.aeron.AeronVersion.VERSION + ", Java " + System.getProperty("java.version");
    }

    private static Process startOther(Map<String, String> cell, String[] arguments) throws Exception {
        List<String> command = new ArrayList<>();
        String[] cpus = cell.get("cpus").split(",");
        if (!cell.get("placement").equals("unpinned")) {
            command.addAll(List.of("taskset", "-c", cpus[cpus.length - 1]));
        }
        command.add(ProcessHandle.current().info().command().orElse("java"));
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "Peer", "other=yes"));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    }

    private static Aeron connect(String folder) {
        return Aeron.connect(new Aeron.Context().aeronDirectoryName(folder)
            .idleStrategy(new SleepingMillisIdleStrategy(1)));
    }

    private static String first(Map<String, String> cell, String[] arguments) throws Exception {
        String folder = System.getProperty("peer.folder");
        MediaDriver.Context context = new MediaDriver.Context().aeronDirectoryName(folder).dirDeleteOnStart(true)
            .dirDeleteOnShutdown(true).threadingMode(ThreadingMode.SHARED)
            .sharedIdleStrategy(new SleepingIdleStrategy(TimeUnit.MICROSECONDS.toNanos(100)));
        try (MediaDriver driver = MediaDriver.launch(context); Aeron aeron = connect(folder)) {
            Process other = startOther(cell, arguments);
            try {
                Peer peer = new Peer(cell);
                peer.open(aeron, THERE, BACK);
                String answer = peer.measure();
                other.waitFor(10, TimeUnit.SECONDS);
                return answer;
            } finally {
                other.destroyForcibly().waitFor();
            }
        }
    }

    private static void other(Map<String, String> cell) {
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                }
            } catch (java.io.IOException gone) {
                // the same as its end
            }
            Runtime.getRuntime().halt(0); // the first process has ended
        });
        watch.setDaemon(true);
        watch.start();
        try (Aeron aeron = connect(System.getProperty("peer.folder"))) {
            Peer peer = new Peer(cell);
            peer.open(aeron, BACK, THERE);
            if (cell.get("workload").equals("echo")) {
                peer.echo();
            } else {
                peer.count();
            }
            while (peer.publication.isConnected()) {
                Thread.yield();
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> cell = new HashMap<>();
        for (String argument : arguments) {
            String[] pair = argument.split("=", 2);
            cell.put(pair[0], pair.length > 1 ? pair[1] : "");
        }
        if (cell.containsKey("--version")) {
            System.out.println("{\"version\": \"" + version() + "\"}");
        } else if (cell.containsKey("other")) {
            other(cell);
        } else {
            String answer;
            try {
                answer = first(cell, arguments);
            } catch (Exception failure) {
                answer = "{\"error\": \"" + failure.getMessage().replaceAll("[\"\\\\\n]", " ") + "\"}";
            }
            System.out.println(answer);
            System.exit(answer.startsWith("{\"error") ? 1 : 0);
        }
    }
}
