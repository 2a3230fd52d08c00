"""What files say: topics, actors, feeds, routes and articles, checked whole, each fault with its file and line."""
