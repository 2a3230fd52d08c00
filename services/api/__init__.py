"""The api service: what is asked of Redline over HTTP."""
