package redline.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Writer;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.document.Document;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.monitor.MatcherFactory;
import org.apache.lucene.monitor.Monitor;
import org.apache.lucene.monitor.MonitorConfiguration;
import org.apache.lucene.monitor.MonitorQuery;
import org.apache.lucene.monitor.MultiMatchingQueries;
import org.apache.lucene.monitor.MultipassTermFilteredPresearcher;
import org.apache.lucene.monitor.QueryMatch;
import org.apache.lucene.monitor.TermWeightor;

/**
 * Measures Lucene Monitor: `MonitorBench key=value...`, results as JSON lines on standard output, progress on standard
 * error. Keys: actors, rules, articles (files), warmup, measured, sample (ranges from-to of articles), passes,
 * batches (1,10), budget and warm (CPU seconds a batch size), least (articles a batch size), matches
 * (folder for the rules each article matched).
 */
public final class MonitorBench {
  /** Lucene's default; the presearcher takes 32 KB a query and pass until the commit. */
  private static final int REGISTERED_AT_ONCE = 5_000;

  private static final int SHORTEST_PREFIX = 3;
  private static final int LONGEST_PREFIX = 7;
  /** Verdicts only, and no cache of results per query: an article is gone before any query could come again. */
  private static final MatcherFactory<QueryMatch> VERDICTS =
      searcher -> {
        searcher.setQueryCache(null);
        return QueryMatch.SIMPLE_MATCHER.createMatcher(searcher);
      };

  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private final Map<String, String> options = new HashMap<>();
  private final Articles articles;
  private IndexWriter writer;

  private MonitorBench(String[] arguments) throws IOException {
    for (String argument : arguments) {
      int equals = argument.indexOf('=');
      options.put(argument.substring(0, equals), argument.substring(equals + 1));
    }
    articles = new Articles(Path.of(options.get("articles")));
  }

  public static void main(String[] arguments) throws IOException {
    new MonitorBench(arguments).run();
  }

  private void run() throws IOException {
    try (Monitor monitor = monitor()) {
      long cpu = cpu();
      long wall = System.nanoTime();
      load(monitor);
      print(
          "{\"build_s\": %.2f, \"build_cpu_s\": %.2f, \"heap_mb\": %d, \"disjuncts\": %d, \"java\": \"%s\", \"lucene\": \"%s\"}",
          (System.nanoTime() - wall) / 1e9,
          (cpu() - cpu) / 1e9,
          heapMegabytes(),
          monitor.getDisjunctCount(),
          Runtime.version(),
          org.apache.lucene.util.Version.LATEST);
      List<Document> warmup = documents("warmup");
      List<Document> measured = documents("measured");
      for (String batch : options.get("batches").split(",")) {
        measure(monitor, warmup, measured, Integer.parseInt(batch));
      }
    }
  }

  private Monitor monitor() throws IOException {
    int[] sample = range("sample");
    // Rare words select few queries, so queries are filed under their rarest; words never seen weigh most.
    Map<String, Integer> frequencies = articles.frequencies(sample[0], sample[1], SHORTEST_PREFIX, LONGEST_PREFIX);
    TermWeightor weightor = TermWeightor.termFreqWeightor(frequencies, 1, 0);
    MonitorConfiguration configuration =
        new MonitorConfiguration() {
          @Override
          public IndexWriter buildIndexWriter() throws IOException {
            writer = super.buildIndexWriter();
            return writer;
          }
        };
    configuration.setQueryUpdateBufferSize(REGISTERED_AT_ONCE);
    configuration.setPurgeFrequency(1, TimeUnit.DAYS); // nothing is removed here, so nothing to purge meanwhile
    return new Monitor(
        new StandardAnalyzer(), // idle: documents come as tokens
        new MultipassTermFilteredPresearcher(
            Integer.parseInt(options.get("passes")),
            0,
            weightor,
            List.of(new PrefixHandler(SHORTEST_PREFIX, LONGEST_PREFIX)),
            Set.of()),
        configuration);
  }

  /** Register every rule, and merge the query index into one segment, which is the fastest to search. */
  private void load(Monitor monitor) throws IOException {
    Queries queries = new Queries(Path.of(options.get("actors")));
    try (BufferedReader lines = Files.newBufferedReader(Path.of(options.get("rules")))) {
      List<MonitorQuery> batch = new ArrayList<>();
      for (int done = 0; queries.read(lines, REGISTERED_AT_ONCE, batch); done += REGISTERED_AT_ONCE) {
        if (done % 50_000 == 0) {
          System.err.println("lucene: " + done + " rules registered");
        }
        monitor.register(batch);
        batch.clear();
      }
    }
    writer.forceMerge(1);
    monitor.register(); // refreshes the searcher
  }

  private void measure(Monitor monitor, List<Document> warmup, List<Document> measured, int size) throws IOException {
    // CPU time here too, so that a busy machine leaves the JVM no colder.
    long warmUntil = threadCpu() + seconds("warm");
    for (int at = 0; threadCpu() < warmUntil; at = at + size < warmup.size() ? at + size : 0) {
      monitor.match(batch(warmup, at, size), VERDICTS);
    }
    double[] milliseconds = new double[measured.size()];
    long until = threadCpu() + seconds("budget");
    long candidates = 0;
    long matches = 0;
    int done = 0;
    try (Writer output = Files.newBufferedWriter(Path.of(options.get("matches"), "lucene-" + size + ".txt"))) {
      while (done < measured.size() && (done < Integer.parseInt(options.get("least")) || threadCpu() < until)) {
        Document[] documents = batch(measured, done, size);
        long before = threadCpu();
        MultiMatchingQueries<QueryMatch> found = monitor.match(documents, VERDICTS);
        long took = threadCpu() - before;
        Arrays.fill(milliseconds, done, done + documents.length, took / 1e6 / documents.length);
        candidates += found.getQueriesRun();
        matches += write(found, documents.length, output);
        done += documents.length;
      }
    }
    report(Arrays.copyOf(milliseconds, done), size, candidates, matches);
  }

  private static Document[] batch(List<Document> documents, int at, int size) {
    return documents.subList(at, Math.min(at + size, documents.size())).toArray(Document[]::new);
  }

  private static long write(MultiMatchingQueries<QueryMatch> found, int documents, Writer output) throws IOException {
    if (!found.getErrors().isEmpty()) {
      throw new IllegalStateException("queries failed: " + found.getErrors());
    }
    long count = 0;
    for (int at = 0; at < documents; at++) {
      for (QueryMatch match : found.getMatches(at)) {
        output.append(match.getQueryId()).append(' ');
        count++;
      }
      output.append('\n');
    }
    return count;
  }

  private static void report(double[] milliseconds, int size, long candidates, long matches) {
    int articles = milliseconds.length;
    double mean = Arrays.stream(milliseconds).sum() / articles;
    Arrays.sort(milliseconds);
    print(
        "{\"batch\": %d, \"articles\": %d, \"mean_ms\": %.4f, \"p50_ms\": %.4f, \"p99_ms\": %.4f, \"candidates\": %d, \"matches\": %d}",
        size,
        articles,
        mean,
        milliseconds[articles / 2],
        milliseconds[(int) Math.min(articles - 1L, Math.round(articles * 0.99))],
        candidates / articles,
        matches / articles);
  }

  private List<Document> documents(String key) {
    int[] range = range(key);
    return articles.documents(range[0], range[1]);
  }

  private int[] range(String key) {
    return Arrays.stream(options.get(key).split("-")).mapToInt(Integer::parseInt).toArray();
  }

  private long seconds(String key) {
    return (long) (Double.parseDouble(options.get(key)) * 1e9);
  }

  private static long threadCpu() {
    return THREADS.getCurrentThreadCpuTime();
  }

  private static long cpu() {
    return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  private static long heapMegabytes() {
    System.gc();
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() >> 20;
  }

  private static void print(String format, Object... values) {
    System.out.println(String.format(Locale.ROOT, format, values));
  }
}
