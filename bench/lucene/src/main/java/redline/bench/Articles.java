package redline.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.analysis.tokenattributes.PositionIncrementAttribute;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.FieldType;
import org.apache.lucene.index.IndexOptions;

/** The articles as documents of finished tokens: a line each, the title's words, a tab, the text's. */
final class Articles {
  /** Words between title and text, more than any NEAR reaches. */
  private static final int GAP = 1_000;

  private static final FieldType TOKENS = new FieldType();

  static {
    TOKENS.setTokenized(true);
    TOKENS.setOmitNorms(true);
    TOKENS.setIndexOptions(IndexOptions.DOCS_AND_FREQS_AND_POSITIONS);
    TOKENS.freeze();
  }

  private final List<String> lines;

  Articles(Path file) throws IOException {
    lines = Files.readAllLines(file);
  }

  List<Document> documents(int from, int to) {
    List<Document> documents = new ArrayList<>();
    for (String line : lines.subList(from, to)) {
      documents.add(document(words(line, 0), words(line, 1)));
    }
    return documents;
  }

  /** In how many articles each word stands, and each beginning of words as `abc*`. */
  Map<String, Integer> frequencies(int from, int to, int shortest, int longest) {
    Map<String, Integer> frequencies = new HashMap<>();
    for (String line : lines.subList(from, to)) {
      Set<String> seen = new HashSet<>();
      for (String word : line.split("[ \t]")) {
        seen.add(word);
        for (int length = shortest; length <= Math.min(longest, word.length()); length++) {
          seen.add(PrefixHandler.marked(word.substring(0, length)));
        }
      }
      seen.forEach(word -> frequencies.merge(word, 1, Integer::sum));
    }
    return frequencies;
  }

  private static String[] words(String line, int field) {
    return line.split("\t")[field].split(" ");
  }

  private static Document document(String[] title, String[] text) {
    String[] all = new String[title.length + text.length];
    System.arraycopy(title, 0, all, 0, title.length);
    System.arraycopy(text, 0, all, title.length, text.length);
    Document document = new Document();
    document.add(new Field(Queries.ALL, new Words(all, title.length), TOKENS));
    document.add(new Field(Queries.TITLE, new Words(title, 0), TOKENS));
    return document;
  }

  /** Words one position apart, but for a gap before one of them. */
  private static final class Words extends TokenStream {
    private final CharTermAttribute term = addAttribute(CharTermAttribute.class);
    private final PositionIncrementAttribute step = addAttribute(PositionIncrementAttribute.class);
    private final String[] words;
    private final int gapAt;
    private int at;

    Words(String[] words, int gapAt) {
      this.words = words;
      this.gapAt = gapAt;
    }

    @Override
    public void reset() {
      at = 0;
    }

    @Override
    public boolean incrementToken() {
      if (at == words.length) {
        return false;
      }
      clearAttributes();
      step.setPositionIncrement(at > 0 && at == gapAt ? GAP : 1);
      term.append(words[at++]);
      return true;
    }
  }
}
