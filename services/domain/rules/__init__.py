"""The watch-rule language: parse a query, and match articles against thousands of them."""
