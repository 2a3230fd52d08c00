package redline.bench;

import java.io.IOException;
import org.apache.lucene.analysis.TokenFilter;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.index.Term;
import org.apache.lucene.monitor.CustomQueryHandler;
import org.apache.lucene.monitor.QueryTree;
import org.apache.lucene.monitor.TermWeightor;
import org.apache.lucene.search.PrefixQuery;
import org.apache.lucene.search.Query;

/**
 * Lets the presearcher select prefix queries: they are filed under `abc*`, and a document's words are looked up with
 * their beginnings besides. Without a handler every prefix query would run against every document; Lucene's own
 * RegexpQueryHandler makes all n-grams of every word for the same end.
 */
final class PrefixHandler implements CustomQueryHandler {
  static final char MARK = '*';

  private final int shortest;
  private final int longest;

  PrefixHandler(int shortest, int longest) {
    this.shortest = shortest;
    this.longest = longest;
  }

  static String marked(String prefix) {
    return prefix + MARK;
  }

  @Override
  public QueryTree handleQuery(Query query, TermWeightor weightor) {
    if (!(query instanceof PrefixQuery prefix)) {
      return null;
    }
    return QueryTree.term(new Term(prefix.getField(), marked(prefix.getPrefix().text())), weightor);
  }

  @Override
  public TokenStream wrapTermStream(String field, TokenStream words) {
    return field.equals(Queries.ALL) ? new Beginnings(words) : words;
  }

  /** Adds to sorted words their beginnings, each once. */
  private final class Beginnings extends TokenFilter {
    private final CharTermAttribute term = addAttribute(CharTermAttribute.class);
    private char[] word = new char[64];
    private int wordLength;
    private int next = Integer.MAX_VALUE;

    Beginnings(TokenStream words) {
      super(words);
    }

    @Override
    public boolean incrementToken() throws IOException {
      if (next <= Math.min(longest, wordLength)) {
        clearAttributes(); // or the filter downstream adds up position increments without end
        term.copyBuffer(word, 0, next++);
        term.append(MARK);
        return true;
      }
      if (!input.incrementToken()) {
        return false;
      }
      remember();
      return true;
    }

    private void remember() {
      int length = term.length();
      int shared = 0;
      while (shared < Math.min(length, wordLength) && term.buffer()[shared] == word[shared]) {
        shared++;
      }
      if (length > word.length) {
        word = new char[2 * length];
      }
      System.arraycopy(term.buffer(), 0, word, 0, length);
      wordLength = length;
      next = Math.max(shortest, shared + 1);
    }
  }
}
