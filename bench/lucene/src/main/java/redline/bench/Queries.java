package redline.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.lucene.index.Term;
import org.apache.lucene.monitor.MonitorQuery;
import org.apache.lucene.queries.spans.SpanNearQuery;
import org.apache.lucene.queries.spans.SpanOrQuery;
import org.apache.lucene.queries.spans.SpanQuery;
import org.apache.lucene.queries.spans.SpanTermQuery;
import org.apache.lucene.search.BooleanClause.Occur;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.PhraseQuery;
import org.apache.lucene.search.PrefixQuery;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.TermQuery;

/**
 * Turns rules in neutral form into queries. A line is a number and tab-separated clauses:
 * any:a|b c|@actor, title:a|b, prefix:abc, near/5:a|b~c, and last not:a|b.
 */
final class Queries {
  /** Title and text one after the other, too far apart for any phrase or NEAR to cross. */
  static final String ALL = "all";

  static final String TITLE = "title";

  private final Map<String, List<String>> aliases = new HashMap<>();
  private final Map<String, Query> actors = new HashMap<>();
  private final Map<String, SpanQuery> actorSpans = new HashMap<>();

  Queries(Path actorsFile) throws IOException {
    for (String line : Files.readAllLines(actorsFile)) {
      int tab = line.indexOf('\t');
      aliases.put("@" + line.substring(0, tab), List.of(line.substring(tab + 1).split("\\|")));
    }
  }

  /** Read up to `count` rules into `batch`; say whether there was one. */
  boolean read(BufferedReader lines, int count, List<MonitorQuery> batch) throws IOException {
    String line;
    while (batch.size() < count && (line = lines.readLine()) != null) {
      String[] parts = line.split("\t");
      batch.add(new MonitorQuery(parts[0], rule(parts)));
    }
    return !batch.isEmpty();
  }

  private Query rule(String[] parts) {
    if (parts.length == 2) {
      return clause(parts[1]);
    }
    BooleanQuery.Builder rule = new BooleanQuery.Builder();
    for (int at = 1; at < parts.length; at++) {
      rule.add(clause(parts[at]), parts[at].startsWith("not:") ? Occur.MUST_NOT : Occur.FILTER);
    }
    return rule.build();
  }

  private Query clause(String text) {
    int colon = text.indexOf(':');
    String kind = text.substring(0, colon);
    String body = text.substring(colon + 1);
    if (kind.startsWith("near/")) {
      return near(body, Integer.parseInt(kind.substring("near/".length())));
    }
    return switch (kind) {
      case "any", "not" -> group(ALL, body);
      case "title" -> group(TITLE, body);
      case "prefix" -> new PrefixQuery(new Term(ALL, body));
      default -> throw new IllegalArgumentException("no clause of this kind: " + text);
    };
  }

  private Query group(String field, String body) {
    // One query object for an actor, however many rules name it.
    return body.startsWith("@") && field.equals(ALL)
        ? actors.computeIfAbsent(body, actor -> either(field, members(actor)))
        : either(field, members(body));
  }

  private Query either(String field, List<String> members) {
    if (members.size() == 1) {
      return words(field, members.get(0));
    }
    BooleanQuery.Builder group = new BooleanQuery.Builder();
    members.forEach(member -> group.add(words(field, member), Occur.SHOULD));
    return group.build();
  }

  private static Query words(String field, String member) {
    String[] words = member.split(" ");
    return words.length == 1 ? new TermQuery(new Term(field, member)) : new PhraseQuery(field, words);
  }

  private List<String> members(String body) {
    List<String> members = new ArrayList<>();
    for (String member : body.split("\\|")) {
      members.addAll(aliases.getOrDefault(member, List.of(member)));
    }
    return members;
  }

  /** At most `distance` words from the end of one to the start of the other; neighbours are 1 apart. */
  private Query near(String body, int distance) {
    String[] sides = body.split("~");
    SpanQuery left = span(sides[0]);
    SpanQuery right = span(sides[1]);
    if (Collections.disjoint(wordsOf(sides[0]), wordsOf(sides[1]))) {
      return ofTwo(left, right, distance, false);
    }
    // Unordered spans may overlap where both sides share a word; ordered ones never do.
    BooleanQuery.Builder orders = new BooleanQuery.Builder();
    orders.add(ofTwo(left, right, distance, true), Occur.SHOULD);
    orders.add(ofTwo(right, left, distance, true), Occur.SHOULD);
    return orders.build();
  }

  private static SpanQuery ofTwo(SpanQuery left, SpanQuery right, int distance, boolean ordered) {
    return new SpanNearQuery(new SpanQuery[] {left, right}, distance - 1, ordered);
  }

  private SpanQuery span(String body) {
    return body.startsWith("@") ? actorSpans.computeIfAbsent(body, this::spanOf) : spanOf(body);
  }

  private SpanQuery spanOf(String body) {
    SpanQuery[] spans = members(body).stream().map(Queries::spanOfWords).toArray(SpanQuery[]::new);
    return spans.length == 1 ? spans[0] : new SpanOrQuery(spans);
  }

  private static SpanQuery spanOfWords(String member) {
    String[] words = member.split(" ");
    SpanQuery[] terms = new SpanQuery[words.length];
    for (int at = 0; at < words.length; at++) {
      terms[at] = new SpanTermQuery(new Term(ALL, words[at]));
    }
    return terms.length == 1 ? terms[0] : new SpanNearQuery(terms, 0, true);
  }

  private Set<String> wordsOf(String body) {
    Set<String> words = new HashSet<>();
    members(body).forEach(member -> Collections.addAll(words, member.split(" ")));
    return words;
  }
}
