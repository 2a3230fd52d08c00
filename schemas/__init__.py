"""The contracts that cross a stream; nothing here imports from services/ or alerts/."""
