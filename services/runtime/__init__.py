"""Adapters to the world: the embedded log, Kafka, Valkey, logging, clocks."""
