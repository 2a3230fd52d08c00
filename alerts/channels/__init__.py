"""The ways out: each channel sends one message once, and says what happened."""
