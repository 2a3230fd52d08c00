"""The alerter: from the alerts stream to the ledger, and from the ledger through the channels."""
